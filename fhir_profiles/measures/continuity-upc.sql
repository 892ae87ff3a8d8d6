-- People who were seen in the period. Of their visits in the 365 days up to the last of these, the share that was with
-- the clinician whom they saw most often: max(n_i) / N.
WITH known AS (
  SELECT s.*
  FROM seen s
  WHERE s.practitioner IS NOT NULL AND s.at > CAST($start AS TIMESTAMP) - INTERVAL 365 DAY AND s.at < $end
), recent AS (
  SELECT k.*
  FROM known k
  LEFT JOIN spans z ON z.department = k.department
  WHERE k.at >= coalesce(z.start_at, $utc_start) AND k.at < coalesce(z.end_at, $utc_end)
), latest AS (
  SELECT r.subject, max(r.at) AS at
  FROM recent r
  GROUP BY r.subject
), visited AS (
  SELECT k.subject, k.practitioner, count(*) AS times
  FROM latest l
  JOIN known k ON k.subject = l.subject
  WHERE k.at > l.at - INTERVAL 365 DAY AND k.at <= l.at
  GROUP BY k.subject, k.practitioner
), summed AS (
  SELECT subject, sum(times) AS visits, max(times) AS usual, count(*) AS clinicians
  FROM visited
  GROUP BY subject
), last_visit AS (
  -- Of two at the same moment that with the greater id.
  SELECT r.*, row_number() OVER (PARTITION BY r.subject ORDER BY r.resource DESC) AS number
  FROM latest l
  JOIN recent r ON r.subject = l.subject AND r.at = l.at
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
JOIN summed s ON s.subject = v.subject
WHERE v.number = 1
