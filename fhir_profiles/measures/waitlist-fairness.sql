-- Those who began to wait in the period, and how many days it took until a slot was offered to them for the first time.
WITH waited AS (
  SELECT
    v.*,
    coalesce(w.waiting_since_at, w.created_at) AS since_at,
    coalesce(w.first_offer_at, w.offered_at) AS offer_at
  FROM waits w
  JOIN visits v ON v.id = w.id
  WHERE w.status <> 'entered-in-error'
)
SELECT
  resource,
  subject,
  since_at AS at,
  department,
  practitioner,
  TRUE AS initial_population,
  offer_at >= since_at AS measure_population,
  offer_at IS NULL AND status IN ('waitlist', 'pending') AS still_waiting,
  offer_at IS NULL AND status NOT IN ('waitlist', 'pending') AS ended_without_offer,
  date_diff('microsecond', since_at, offer_at) / 86400000000.0 AS days
FROM waited
WHERE since_at >= $start AND since_at < $end
