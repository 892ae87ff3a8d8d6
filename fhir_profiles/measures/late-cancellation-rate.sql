-- Visits whose time has come: of those that took place, were missed, or were called off by the person, the share that
-- was called off too late for somebody else to have the time.
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  status IN ('booked', 'pending', 'arrived', 'checked-in', 'fulfilled', 'noshow', 'cancelled') AS initial_population,
  status IN ('arrived', 'checked-in', 'fulfilled', 'noshow')
    OR (status = 'cancelled' AND (cancelled_by = 'patient' OR coalesce(late_cancellation, FALSE))) AS denominator,
  status = 'cancelled' AND coalesce(late_cancellation, FALSE) AS numerator,
  status = 'cancelled' AND coalesce(cancelled_by, '') <> 'patient' AND NOT coalesce(late_cancellation, FALSE)
    AS cancelled_otherwise,
  status IN ('booked', 'pending') AS unresolved
FROM visits
WHERE start_at >= $start AND start_at < $end AND start_at < $now
