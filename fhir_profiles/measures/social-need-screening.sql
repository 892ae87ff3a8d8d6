-- Visits and stays of adults in the period, and whether the person had answered for all five domains of social needs in
-- the year before, or at the visit. A stay that is not over goes on until now; a visit that nobody closed does not.
WITH met AS (
  SELECT
    *,
    CASE WHEN status <> 'finished' AND class_code IN ('IMP', 'ACUTE', 'NONAC', 'OBSENC') THEN $now END AS now_at
  FROM stays
), begun AS (
  SELECT
    v.id,
    v.resource,
    v.subject,
    v.department,
    v.practitioner,
    v.start_at,
    v.discharge_code,
    p.birth_date,
    greatest(coalesce(v.end_at, v.now_at, v.start_at), v.start_at) AS over_at,
    greatest(
      coalesce(v.until_at, v.now_at, v.start_at),
      CASE WHEN v.begun_by_at > v.start_at THEN date_trunc('day', v.start_at) ELSE v.start_at END + INTERVAL 1 DAY
    ) AS until_at,
    coalesce(v.end_at >= v.start_at AND v.until_at > v.end_at, FALSE) AS ended_by_day,
    -- By the clocks there, which matter only near an 18th birthday.
    CASE
      WHEN extract(YEAR FROM v.start_at) - extract(YEAR FROM p.birth_date) BETWEEN 17 AND 19
        THEN v.start_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC')
      ELSE v.start_at
    END AS clock_at
  FROM met v
  JOIN patients p ON p.id = v.subject
  LEFT JOIN zones z ON z.department = v.department
  WHERE v.start_at >= $start AND v.start_at < $end
    AND v.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND v.part_of_id IS NULL
), adults AS (
  SELECT *
  FROM begun
  WHERE extract(YEAR FROM clock_at) - extract(YEAR FROM birth_date)
    - CASE
        WHEN extract(MONTH FROM clock_at) * 100 + extract(DAY FROM clock_at)
          < extract(MONTH FROM birth_date) * 100 + extract(DAY FROM birth_date) THEN 1
        ELSE 0
      END >= 18
), asked AS (
  -- What people were asked, by domain, of which an Observation may have several. One that neither has an answer nor says
  -- that it was declined, such as the head of a panel, tells nothing.
  SELECT
    coalesce(s.survivor_id, o.patient_id) AS subject,
    CASE
      WHEN n.need_code = 'food-insecurity' THEN 1
      WHEN n.need_code IN ('housing-instability', 'homelessness', 'inadequate-housing') THEN 2
      WHEN n.need_code = 'transportation-insecurity' THEN 3
      WHEN n.need_code = 'utility-insecurity' THEN 4
      WHEN n.need_code IN ('intimate-partner-violence', 'elder-abuse') THEN 5
    END AS domain,
    coalesce(o.effective_at, o.instant_at, o.period_start_at, o.timing_at, o.issued_at) AS at,
    o.answered
  FROM score_needs n
  JOIN scores o ON o.id = n.id
  LEFT JOIN survivors s ON s.patient_id = o.patient_id
  WHERE o.status IN ('final', 'amended', 'corrected')
    AND (o.answered OR o.declined)
    AND n.need_code IN (
      'food-insecurity', 'housing-instability', 'homelessness', 'inadequate-housing', 'transportation-insecurity',
      'utility-insecurity', 'intimate-partner-violence', 'elder-abuse'
    )
), replies AS (
  SELECT
    v.id,
    count(DISTINCT CASE WHEN a.answered THEN a.domain END) AS domains,
    count(DISTINCT a.domain) AS asked
  FROM adults v
  JOIN asked a ON a.subject = v.subject AND a.at >= v.start_at - INTERVAL 365 DAY AND a.at < v.until_at
  GROUP BY v.id
), died AS (
  -- How they left is told by the discharge disposition where this ended within what is known of the death. What ended on
  -- a day is of that day, whatever clocks say.
  SELECT v.id
  FROM adults v
  LEFT JOIN zones z ON z.department = v.department
  JOIN deaths_by_zone p
    ON p.subject = v.subject AND p.zone = CASE WHEN v.ended_by_day THEN 'UTC' ELSE coalesce(z.zone, 'UTC') END
  WHERE v.over_at >= CASE WHEN v.discharge_code IS NULL THEN p.deceased_at ELSE p.surely_at END
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
  coalesce(v.discharge_code, '') = 'exp'
    OR d.id IS NOT NULL AS denominator_exclusion,
  coalesce(a.asked, 0) = 5 AS denominator_exception,
  coalesce(a.domains, 0) = 5 AS numerator
FROM adults v
LEFT JOIN replies a ON a.id = v.id
LEFT JOIN died d ON d.id = v.id
