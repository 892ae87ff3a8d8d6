-- Visits and stays of adults in the period, and whether the person had answered for all five domains of social needs in
-- the year before, or at the visit.
WITH adults AS (
  SELECT
    v.id,
    v.resource,
    v.subject,
    v.department,
    v.practitioner,
    v.start_at,
    greatest(coalesce(v.end_at, v.start_at), v.start_at + INTERVAL 1 DAY) AS until_at,
    coalesce(v.discharge_code = 'exp', FALSE) AS died
  FROM stays v
  JOIN patients p ON p.id = v.subject
  WHERE v.start_at >= $start AND v.start_at < $end
    AND v.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND v.part_of_id IS NULL
    AND extract(YEAR FROM v.start_at) - extract(YEAR FROM p.birth_date)
      - CASE
          WHEN extract(MONTH FROM v.start_at) * 100 + extract(DAY FROM v.start_at)
            < extract(MONTH FROM p.birth_date) * 100 + extract(DAY FROM p.birth_date) THEN 1
          ELSE 0
        END >= 18
), asked AS (
  -- What people were asked, by domain; what has no answer says why.
  SELECT
    coalesce(s.survivor_id, o.patient_id) AS subject,
    CASE
      WHEN o.need_code = 'food-insecurity' THEN 1
      WHEN o.need_code IN ('housing-instability', 'homelessness', 'inadequate-housing') THEN 2
      WHEN o.need_code = 'transportation-insecurity' THEN 3
      WHEN o.need_code = 'utility-insecurity' THEN 4
      WHEN o.need_code IN ('intimate-partner-violence', 'elder-abuse') THEN 5
    END AS domain,
    coalesce(o.effective_at, o.period_start_at, o.issued_at) AS at,
    o.absent_code
  FROM scores o
  LEFT JOIN survivors s ON s.patient_id = o.patient_id
  WHERE o.status IN ('final', 'amended', 'corrected')
    AND o.need_code IN (
      'food-insecurity', 'housing-instability', 'homelessness', 'inadequate-housing', 'transportation-insecurity',
      'utility-insecurity', 'intimate-partner-violence', 'elder-abuse'
    )
), replies AS (
  SELECT
    v.id,
    count(DISTINCT CASE WHEN a.absent_code IS NULL THEN a.domain END) AS domains,
    count(DISTINCT CASE WHEN a.absent_code IS NULL OR a.absent_code = 'asked-declined' THEN a.domain END) AS asked
  FROM adults v
  JOIN asked a ON a.subject = v.subject AND a.at >= v.start_at - INTERVAL 365 DAY AND a.at < v.until_at
  GROUP BY v.id
)
SELECT
  v.resource,
  v.subject,
  v.start_at AS at,
  v.department,
  v.practitioner,
  coalesce(a.domains, 0) AS domains,
  TRUE AS initial_population,
  TRUE AS denominator,
  v.died AS denominator_exclusion,
  coalesce(a.asked, 0) = 5 AS denominator_exception,
  coalesce(a.domains, 0) = 5 AS numerator
FROM adults v
LEFT JOIN replies a ON a.id = v.id
