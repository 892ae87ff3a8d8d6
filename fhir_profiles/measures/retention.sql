-- People whose first visit is in the period, and whether they were seen again 90 days after it or later: within
-- 6 months (183 days), and within 12 (365 days). Whose days are not over yet, or who has died within them, is in no share.
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
  SELECT b.subject, min(s.at) AS at
  FROM begun b
  JOIN seen s ON s.subject = b.subject
  WHERE s.at >= b.at + INTERVAL 90 DAY
  GROUP BY b.subject
), followed AS (
  SELECT
    o.*,
    o.at + INTERVAL 183 DAY AS half_year,
    o.at + INTERVAL 365 DAY AS year,
    a.at AS again_at,
    p.deceased_at,
    coalesce(p.deceased, FALSE) AND p.deceased_at IS NULL AS died_some_day
  FROM opening o
  LEFT JOIN again a ON a.subject = o.subject
  LEFT JOIN zones z ON z.department = o.department
  LEFT JOIN deaths_by_zone p ON p.subject = o.subject AND p.zone = coalesce(z.zone, 'UTC')
  WHERE o.number = 1
)
SELECT
  f.resource,
  f.subject,
  f.at,
  f.department,
  f.practitioner,
  TRUE AS initial_population,
  f.half_year <= $now AS followed_6,
  f.deceased_at <= f.half_year OR f.died_some_day AS died_6,
  f.again_at <= f.half_year AS retained_6,
  f.half_year > $now AS not_over_6,
  f.year <= $now AS followed_12,
  f.deceased_at <= f.year OR f.died_some_day AS died_12,
  f.again_at <= f.year AS retained_12,
  f.year > $now AS not_over_12
FROM followed f
