-- Forms that were given to somebody by name. One whose time to answer is not over is open, answered or not: who answers
-- does so early, so a share that counted them at once would fall from day to day.
WITH asked AS (
  SELECT
    r.*,
    CASE WHEN r.expires_at IS NULL THEN r.status = 'in-progress' ELSE r.expires_at > $now END AS is_open,
    r.status IN ('completed', 'amended') AS is_whole
  FROM replies r
  WHERE r.asked_at >= $start AND r.asked_at < $end AND r.status <> 'entered-in-error'
)
SELECT
  a.resource,
  a.subject,
  a.asked_at AS at,
  a.department,
  a.practitioner,
  TRUE AS initial_population,
  NOT a.is_open AS denominator,
  NOT a.is_whole AND (coalesce(p.deceased, FALSE) OR p.deceased_at < coalesce(a.expires_at, $now))
    AS denominator_exclusion,
  a.is_whole AS numerator,
  a.is_open AS open
FROM asked a
LEFT JOIN zones z ON z.department = a.department
LEFT JOIN deaths_by_zone p ON p.subject = a.subject AND p.zone = coalesce(z.zone, 'UTC')
