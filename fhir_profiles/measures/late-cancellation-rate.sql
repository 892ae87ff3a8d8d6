-- Visits whose time has come: of those that took place, were missed, or were called off by the person at a moment that
-- is known, the share that was called off too late for somebody else to have the time. What was to be after a death is
-- in no share, nor is it unresolved.
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
  WHERE v.start_at >= $start AND v.start_at < $end AND v.start_at < $now
)
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  status IN ('booked', 'pending', 'arrived', 'checked-in', 'fulfilled', 'noshow', 'cancelled') AS initial_population,
  status IN ('arrived', 'checked-in', 'fulfilled', 'noshow')
    OR (status = 'cancelled'
      AND (coalesce(late_cancellation, FALSE) OR (cancelled_by = 'patient' AND late_cancellation IS NOT NULL)))
    AS denominator,
  after_death AS denominator_exclusion,
  status = 'cancelled' AND coalesce(late_cancellation, FALSE) AS numerator,
  status = 'cancelled' AND coalesce(cancelled_by, '') <> 'patient' AND NOT coalesce(late_cancellation, FALSE)
    AS cancelled_otherwise,
  status = 'cancelled' AND cancelled_by = 'patient' AND late_cancellation IS NULL AS moment_unknown,
  status IN ('booked', 'pending') AND NOT after_death AS unresolved
FROM due
