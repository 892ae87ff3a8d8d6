-- Visits that were due in the period. One whose time has come and of which nobody has said what became of it is
-- unresolved: in no share, neither as missed nor as kept. So is one that was to be after the person's death, which is
-- not unresolved either.
WITH due AS (
  SELECT
    v.*,
    v.status NOT IN ('arrived', 'checked-in', 'fulfilled')
      AND coalesce(
        CASE
          WHEN p.by_clocks THEN v.start_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC')
          ELSE v.start_at
        END >= p.deceased_at,
        p.deceased,
        FALSE
      ) AS after_death
  FROM visits v
  LEFT JOIN deaths p ON p.subject = v.subject
  LEFT JOIN zones z ON z.department = v.department
  WHERE v.start_at >= $start AND v.start_at < $end
)
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  status IN ('booked', 'pending', 'arrived', 'checked-in', 'fulfilled', 'noshow') AS initial_population,
  status IN ('arrived', 'checked-in', 'fulfilled', 'noshow') AS denominator,
  after_death AS denominator_exclusion,
  status = 'noshow' AS numerator,
  status IN ('booked', 'pending') AND start_at < $now AND NOT after_death AS unresolved
FROM due
