-- How many of the staff who answer are worn out: step 3 of 5 and above. It is answered without a name, so there is
-- neither a subject nor a practitioner.
WITH given AS (
  SELECT id, max(value_code) AS step
  FROM answers
  WHERE number = 0 AND link_id = 'worn'
  GROUP BY id
)
SELECT
  r.resource,
  CAST(NULL AS VARCHAR) AS subject,
  r.said_at AS at,
  r.department,
  CAST(NULL AS VARCHAR) AS practitioner,
  TRUE AS initial_population,
  g.step IS NOT NULL AS denominator,
  g.step IN ('wearing', 'worn-out', 'cannot-go-on') AS numerator
FROM replies r
LEFT JOIN given g ON g.id = r.id
WHERE r.form = 'https://carethread.dev/fhir/Questionnaire/staff-pulse'
  AND r.status IN ('completed', 'amended')
  AND r.said_at >= $start AND r.said_at < $end
