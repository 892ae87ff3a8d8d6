-- People who were seen in the period. Of their visits in the 365 days up to the last of these, the share that was with
-- the clinician whom they saw most often: max(n_i) / N. Each part of the period that is asked about (`spans`) is counted
-- as if it were all of it.
WITH known AS (
  SELECT s.*
  FROM seen s
  WHERE s.practitioner IS NOT NULL AND s.at > CAST($start AS TIMESTAMP) - INTERVAL 365 DAY AND s.at < $end
), latest AS (
  -- Of two at the same moment that with the greater id.
  SELECT
    k.*,
    z.bucket,
    row_number() OVER (PARTITION BY k.subject, z.bucket ORDER BY k.at DESC, k.resource DESC) AS number
  FROM known k
  LEFT JOIN (SELECT DISTINCT department FROM spans) d ON d.department = k.department
  JOIN spans z ON z.department = coalesce(d.department, '') AND k.at >= z.start_at AND k.at < z.end_at
), last_visit AS (
  SELECT * FROM latest WHERE number = 1
), visited AS (
  SELECT k.subject, l.bucket, k.practitioner, count(*) AS times
  FROM last_visit l
  JOIN known k ON k.subject = l.subject
  WHERE k.at > l.at - INTERVAL 365 DAY AND k.at <= l.at
  GROUP BY k.subject, l.bucket, k.practitioner
), summed AS (
  SELECT subject, bucket, sum(times) AS visits, max(times) AS usual, count(*) AS clinicians
  FROM visited
  GROUP BY subject, bucket
)
SELECT
  v.resource,
  v.subject,
  v.at,
  v.department,
  v.practitioner,
  s.visits,
  s.clinicians,
  TRUE AS initial_population,
  s.visits >= 2 AS measure_population,
  s.visits < 2 AS only_one,
  CAST(s.usual AS DOUBLE) / s.visits AS upc
FROM last_visit v
JOIN summed s ON s.subject = v.subject AND s.bucket = v.bucket
