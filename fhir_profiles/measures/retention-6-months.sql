-- People whose first visit is in the period, and whether they were seen again within 6 months (183 days) of it, on the
-- 90th day or later. Whose 6 months are not over yet, or who has died within them, is in no share.
WITH begun AS (
  SELECT s.subject, min(s.at) AS at
  FROM seen s
  WHERE s.at < $end
  GROUP BY s.subject
  HAVING min(s.at) >= $start
), opening AS (
  SELECT s.*, row_number() OVER (PARTITION BY s.subject ORDER BY s.resource) AS number
  FROM begun b
  JOIN seen s ON s.subject = b.subject AND s.at = b.at
), again AS (
  SELECT DISTINCT b.subject
  FROM begun b
  JOIN seen s ON s.subject = b.subject
  WHERE s.at >= b.at + INTERVAL 90 DAY AND s.at <= b.at + INTERVAL 183 DAY
)
SELECT
  o.resource,
  o.subject,
  o.at,
  o.department,
  o.practitioner,
  TRUE AS initial_population,
  o.at + INTERVAL 183 DAY <= $now AS denominator,
  p.deceased_at <= o.at + INTERVAL 183 DAY OR (coalesce(p.deceased, FALSE) AND p.deceased_at IS NULL)
    AS denominator_exclusion,
  a.subject IS NOT NULL AS numerator,
  o.at + INTERVAL 183 DAY > $now AS not_over
FROM opening o
LEFT JOIN again a ON a.subject = o.subject
LEFT JOIN patients p ON p.id = o.subject
WHERE o.number = 1
