-- How long somebody of the staff has worked on a form, for each that was completed. Who it was is a name that means
-- nothing elsewhere, so that people are counted and nobody is named.
SELECT
  'MeasureReport/' || r.id AS resource,
  'identifier/' || r.subject_identifier AS subject,
  r.start_at AS at,
  coalesce(r.department_id, r.reporter_id) AS department,
  CAST(NULL AS VARCHAR) AS practitioner,
  TRUE AS initial_population,
  r.score IS NOT NULL AS measure_population,
  CAST(r.score AS DOUBLE) AS value
FROM reported r
WHERE split_part(r.measure, '|', 1) = 'https://carethread.dev/fhir/Measure/documentation-burden'
  AND r.status = 'complete'
  AND r.kind = 'individual'
  AND r.group_code = 'seconds'
  AND coalesce(r.population_code, 'initial-population') = 'initial-population'
  AND r.start_at >= $start AND r.start_at < $end
