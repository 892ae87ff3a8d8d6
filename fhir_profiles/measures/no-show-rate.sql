-- Visits that were due in the period. One whose time has come and of which nobody has said what became of it is
-- unresolved: in no share, neither as missed nor as kept. So is one that was to be after the person's death, which is
-- not unresolved either.
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
FROM due_visits
