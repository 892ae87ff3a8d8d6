-- For each clinician's schedule and each service in it: in how many days of the calendar the third slot is that is free
-- now; a schedule without a slot to come is there too. And for days before that of $now what was kept of each
-- (MeasureReports of this Measure, once a day).
WITH offered AS (
  SELECT
    c.id,
    coalesce(c.department_id, r.organization_id, h.organization_id, l.organization_id) AS department,
    coalesce(c.practitioner_id, r.practitioner_id) AS practitioner,
    coalesce(s.service_code, c.service_code) AS service,
    s.start_at,
    s.status = 'free' AS free,
    row_number() OVER (
      PARTITION BY c.id, coalesce(s.service_code, c.service_code), s.status = 'free' ORDER BY s.start_at, s.id
    ) AS number
  FROM schedules c
  LEFT JOIN slots s ON s.schedule_id = c.id AND s.start_at > $now AND s.status <> 'entered-in-error'
  LEFT JOIN practitioner_roles r ON r.id = c.practitioner_role_id
  LEFT JOIN healthcare_services h ON h.id = c.healthcare_service_id
  LEFT JOIN locations l ON l.id = c.location_id
  WHERE coalesce(c.active, TRUE)
    AND (c.practitioner_id IS NOT NULL OR c.practitioner_role_id IS NOT NULL)
), third AS (
  SELECT id, department, practitioner, service, max(CASE WHEN free AND number = 3 THEN start_at END) AS start_at
  FROM offered
  GROUP BY id, department, practitioner, service
)
SELECT
  'Schedule/' || t.id AS resource,
  CAST(NULL AS VARCHAR) AS subject,
  CAST($now AS TIMESTAMP) AS at,
  t.department,
  t.practitioner,
  t.service,
  TRUE AS initial_population,
  t.start_at IS NOT NULL AS measure_population,
  t.start_at IS NULL AS fewer_than_three,
  CAST(
    date_diff(
      'day',
      CAST(CAST($now AS TIMESTAMP) AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC') AS DATE),
      CAST(t.start_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC') AS DATE)
    ) AS DOUBLE
  ) AS days
FROM third t
LEFT JOIN zones z ON z.department = t.department
WHERE CAST($now AS TIMESTAMP) >= $start AND CAST($now AS TIMESTAMP) < $end
UNION ALL
SELECT
  'MeasureReport/' || r.id,
  CAST(NULL AS VARCHAR),
  r.reported_at,
  r.department_id,
  r.practitioner_id,
  CAST(NULL AS VARCHAR),
  TRUE,
  r.score IS NOT NULL,
  r.score IS NULL,
  CAST(r.score AS DOUBLE)
FROM reported r
LEFT JOIN zones z ON z.department = r.department_id
WHERE split_part(r.measure, '|', 1) = 'https://carethread.dev/fhir/Measure/third-next-available'
  AND r.status = 'complete'
  AND r.kind = 'individual'
  AND r.group_code = 'of-the-day'
  AND r.population_code = 'initial-population'
  AND r.reported_at >= $start AND r.reported_at < $end
  AND CAST(r.reported_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC') AS DATE)
    < CAST(CAST($now AS TIMESTAMP) AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC') AS DATE)
