-- How long somebody of the staff has worked on a form, for each that was completed. Who it was is a name that means
-- nothing elsewhere, so that people are counted and nobody is named. Only the day is known: it stands at 10:00 UTC.
SELECT
  'MeasureReport/' || r.id AS resource,
  'identifier/' || r.subject_identifier AS subject,
  date_trunc('day', r.start_at) + INTERVAL 10 HOUR AS at,
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
  AND date_trunc('day', r.start_at) + INTERVAL 10 HOUR >= $start
  AND date_trunc('day', r.start_at) + INTERVAL 10 HOUR < $end
