-- Visits that are booked, took place or were missed. How long somebody waited for one: from asking for it, or from when
-- they were put on the wait-list, to its start. How long they waited there: from coming to being seen.
WITH due AS (
  SELECT
    v.*,
    coalesce(w.waiting_since_at, v.created_at) AS asked_at,
    coalesce(v.kind_code, '') IN ('CHECKUP', 'FOLLOWUP', 'WALKIN') AS by_plan
  FROM visits v
  LEFT JOIN waits w ON w.id = v.id
  WHERE v.subject IS NOT NULL AND v.start_at >= $start AND v.start_at < $end
    AND v.status IN ('booked', 'arrived', 'checked-in', 'fulfilled', 'noshow')
)
SELECT
  resource,
  subject,
  start_at AS at,
  department,
  practitioner,
  TRUE AS initial_population,
  asked_at <= start_at AS asked,
  asked_at <= start_at AND by_plan AS by_plan,
  date_diff('microsecond', asked_at, start_at) / 86400000000.0 AS days,
  came_at <= started_at AS came,
  date_diff('microsecond', came_at, started_at) / 60000000.0 AS minutes
FROM due
