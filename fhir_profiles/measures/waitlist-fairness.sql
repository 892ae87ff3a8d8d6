-- Those who began to wait in the period, how many days it took until a slot was offered to them for the first time, and
-- how many until a visit was booked.
WITH waited AS (
  SELECT
    v.*,
    coalesce(w.waiting_since_at, w.created_at, CASE WHEN w.status = 'waitlist' THEN w.last_updated_at END) AS since_at,
    coalesce(w.first_offer_at, w.offered_at) AS offer_at,
    w.booked_at,
    w.left_at,
    w.status IN ('waitlist', 'pending') AS waits
  FROM waits w
  JOIN visits v ON v.id = w.id
  WHERE v.subject IS NOT NULL AND w.status <> 'entered-in-error'
)
SELECT
  resource,
  subject,
  since_at AS at,
  department,
  practitioner,
  TRUE AS initial_population,
  offer_at >= since_at AS measure_population,
  offer_at IS NULL AND waits AS still_waiting,
  offer_at IS NULL AND NOT waits AS ended_without_offer,
  date_diff('microsecond', since_at, offer_at) / 86400000000.0 AS days,
  NOT waits AND booked_at >= since_at AS placed,
  waits AS not_placed,
  NOT waits AND left_at IS NOT NULL AS gone,
  date_diff('microsecond', since_at, booked_at) / 86400000000.0 AS days_to_visit
FROM waited
WHERE since_at >= $start AND since_at < $end
