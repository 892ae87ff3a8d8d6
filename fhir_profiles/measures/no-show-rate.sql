-- Visits that were due in the period. One whose time has come and of which nobody has said what became of it is
-- unresolved: in no share, neither as missed nor as kept.
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  status IN ('booked', 'pending', 'arrived', 'checked-in', 'fulfilled', 'noshow') AS initial_population,
  status IN ('arrived', 'checked-in', 'fulfilled', 'noshow') AS denominator,
  status = 'noshow' AS numerator,
  status IN ('booked', 'pending') AND start_at < $now AS unresolved
FROM visits
WHERE start_at >= $start AND start_at < $end
