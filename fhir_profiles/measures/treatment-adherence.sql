-- Proportion of days covered (PDC), for each person and drug of which something was given out in the year up to the end of
-- the period, for 91 days do not fit into a month. A day is 24 hours, and numbered from the beginning of that year. Each
-- part of the period that is asked about (`spans`) is counted as if it were all of it.
WITH drugs AS (
  -- One code for each, in whatever order several are told: that of RxNorm, else the least.
  SELECT
    id,
    coalesce(
      min(CASE
        WHEN system IN ('http://www.nlm.nih.gov/research/umls/rxnorm', 'urn:oid:2.16.840.1.113883.6.88')
          THEN 'http://www.nlm.nih.gov/research/umls/rxnorm|' || code
      END),
      min(coalesce(system, '') || '|' || code)
    ) AS drug
  FROM dispense_codings
  WHERE code IS NOT NULL
  GROUP BY id
), fills AS (
  -- What was given out, with the person who is meant today; of a length that is told.
  SELECT
    d.id,
    coalesce(s.survivor_id, d.patient_id) AS subject,
    k.drug,
    coalesce(d.handed_over_at, d.prepared_at) AS filled_at,
    CAST(floor(d.days * CASE d.days_unit WHEN 'wk' THEN 7 WHEN 'mo' THEN 30.4375 ELSE 1 END) AS BIGINT) AS days
  FROM dispenses d
  JOIN drugs k ON k.id = d.id
  LEFT JOIN survivors s ON s.patient_id = d.patient_id
  WHERE d.status = 'completed'
    AND coalesce(d.handed_over_at, d.prepared_at) >= CAST($start AS TIMESTAMP) - INTERVAL 12 MONTH
    AND coalesce(d.handed_over_at, d.prepared_at) < $end
    AND coalesce(d.days_unit, 'd') IN ('d', 'wk', 'mo')
), years AS (
  SELECT department, bucket, start_at, end_at, end_at - INTERVAL 12 MONTH AS from_at
  FROM spans
), people AS (
  -- Where they are registered, whose days count there, and how they have died.
  SELECT
    p.id,
    p.organization_id,
    d.department AS zoned,
    x.deceased_at,
    -- Around the noon of a day, which is its own in summer and winter.
    CASE WHEN x.by_clocks THEN x.deceased_at + INTERVAL 12 HOUR ELSE x.deceased_at END AS last_at,
    x.deceased AND x.deceased_at IS NULL AS died_some_day
  FROM patients p
  LEFT JOIN (SELECT DISTINCT department, zone FROM spans) d ON d.department = p.organization_id
  LEFT JOIN deaths_by_zone x ON x.subject = p.id AND x.zone = coalesce(d.zone, 'UTC')
), treatments AS (
  -- Those of the year, on numbered days; `end_day` is the first day that does not count any more: the one after the
  -- period, that of the death, or today.
  SELECT
    f.id,
    f.subject,
    f.drug,
    z.bucket,
    f.filled_at,
    z.start_at,
    f.days,
    p.organization_id AS department,
    coalesce(p.died_some_day, FALSE) AS died_some_day,
    CAST(floor(date_diff('millisecond', z.from_at, f.filled_at) / 86400000.0) AS BIGINT) AS day,
    least(
      CAST(round(date_diff('millisecond', z.from_at, z.end_at) / 86400000.0) AS BIGINT),
      CAST(floor(date_diff('millisecond', z.from_at, $now) / 86400000.0) AS BIGINT),
      coalesce(CAST(floor(date_diff('millisecond', z.from_at, p.last_at) / 86400000.0) AS BIGINT), 1000000)
    ) AS end_day
  FROM fills f
  LEFT JOIN people p ON p.id = f.subject
  JOIN years z ON z.department = coalesce(p.zoned, '') AND f.filled_at >= z.from_at AND f.filled_at < z.end_at
  WHERE f.days > 0 AND (p.deceased_at IS NULL OR p.deceased_at >= z.start_at)
), summed AS (
  -- How much was given out up to and with each.
  SELECT
    *,
    sum(days) OVER (
      PARTITION BY bucket, subject, drug ORDER BY filled_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS given,
    row_number() OVER (PARTITION BY bucket, subject, drug ORDER BY filled_at, id) AS number
  FROM treatments
), shifted AS (
  -- The day on which each is used up: what overlaps begins when that before it is used up.
  SELECT
    *,
    given + max(day - given + days) OVER (
      PARTITION BY bucket, subject, drug ORDER BY filled_at, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
    ) AS until
  FROM summed
), treated AS (
  SELECT
    subject,
    drug,
    max(CASE WHEN number = 1 THEN id END) AS first_id,
    greatest(min(filled_at), max(start_at)) AS counted_at,
    max(department) AS department,
    bool_or(died_some_day) AS died_some_day,
    count(DISTINCT CASE WHEN day < end_day THEN day END) AS fill_days,
    max(end_day) - min(day) AS days,
    sum(greatest(least(until, end_day) - least(until - days, end_day), 0)) AS covered
  FROM shifted
  GROUP BY bucket, subject, drug
)
SELECT
  'MedicationDispense/' || first_id AS resource,
  subject,
  counted_at AS at,
  department,
  CAST(NULL AS VARCHAR) AS practitioner,
  drug,
  days,
  covered,
  TRUE AS initial_population,
  fill_days >= 2 AND days >= 91 AS denominator,
  died_some_day AS denominator_exclusion,
  covered * 5 >= days * 4 AS numerator,
  fill_days >= 2 AND days >= 91 AND NOT died_some_day AS measured,
  CAST(covered AS DOUBLE) / CASE WHEN days > 0 THEN days END AS value
FROM treated
