-- For each navigator and day how many people they have, as careteams counts it once a day.
SELECT
  'MeasureReport/' || r.id AS resource,
  'Practitioner/' || coalesce(r.practitioner_id, w.practitioner_id) AS subject,
  r.end_at - INTERVAL 12 HOUR AS at,
  coalesce(r.department_id, r.reporter_id, w.organization_id) AS department,
  coalesce(r.practitioner_id, w.practitioner_id) AS practitioner,
  TRUE AS initial_population,
  r.population_count > 0 AS measure_population,
  CAST(r.population_count AS DOUBLE) AS value
FROM reported r
LEFT JOIN practitioner_roles w ON w.id = r.practitioner_role_id
WHERE split_part(r.measure, '|', 1) = 'https://carethread.dev/fhir/Measure/workload'
  AND r.status = 'complete'
  AND r.kind = 'individual'
  AND r.group_code = 'caseload'
  AND r.population_code = 'initial-population'
  AND r.end_at - INTERVAL 12 HOUR >= $start AND r.end_at - INTERVAL 12 HOUR < $end
