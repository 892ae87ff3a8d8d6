-- For each member of staff who has named their hours, and each day, the minutes in which they worked outside of them, as
-- careteams counts it once a day: those in which they sent something or finished a task, and those of visits.
SELECT
  'MeasureReport/' || r.id AS resource,
  'Practitioner/' || max(coalesce(r.practitioner_id, w.practitioner_id)) AS subject,
  r.end_at - INTERVAL 12 HOUR AS at,
  max(coalesce(r.department_id, r.reporter_id, w.organization_id)) AS department,
  max(coalesce(r.practitioner_id, w.practitioner_id)) AS practitioner,
  TRUE AS initial_population,
  max(CASE WHEN r.group_code = 'after-hours-writes' THEN r.population_count END) IS NOT NULL AS writes_known,
  CAST(max(CASE WHEN r.group_code = 'after-hours-writes' THEN r.population_count END) AS DOUBLE) AS write_minutes,
  max(CASE WHEN r.group_code = 'after-hours-minutes' THEN r.population_count END) IS NOT NULL AS visits_known,
  CAST(max(CASE WHEN r.group_code = 'after-hours-minutes' THEN r.population_count END) AS DOUBLE) AS visit_minutes
FROM reported r
LEFT JOIN practitioner_roles w ON w.id = r.practitioner_role_id
WHERE split_part(r.measure, '|', 1) = 'https://carethread.dev/fhir/Measure/workload'
  AND r.status = 'complete'
  AND r.kind = 'individual'
  AND r.group_code IN ('after-hours-writes', 'after-hours-minutes')
  AND r.population_code = 'initial-population'
  AND r.end_at - INTERVAL 12 HOUR >= $start AND r.end_at - INTERVAL 12 HOUR < $end
GROUP BY r.id, r.end_at
