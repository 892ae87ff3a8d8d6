-- Visits whose time has come: of those that took place, were missed, or were called off by the person at a moment that
-- is known, the share that was called off too late for somebody else to have the time, as the mark of the department's
-- schedules says. What was to be after a death is in no share, nor is it unresolved.
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  status IN ('booked', 'pending', 'arrived', 'checked-in', 'fulfilled', 'noshow', 'cancelled') AS initial_population,
  status IN ('arrived', 'checked-in', 'fulfilled', 'noshow')
    OR (status = 'cancelled' AND cancelled_by = 'patient' AND late_cancellation IS NOT NULL) AS denominator,
  after_death AS denominator_exclusion,
  status = 'cancelled' AND cancelled_by = 'patient' AND late_cancellation AS numerator,
  status = 'cancelled' AND coalesce(cancelled_by, '') <> 'patient' AS cancelled_otherwise,
  status = 'cancelled' AND cancelled_by = 'patient' AND late_cancellation IS NULL AS moment_unknown,
  status IN ('booked', 'pending') AND NOT after_death AS unresolved
FROM due_visits
WHERE start_at < $now
