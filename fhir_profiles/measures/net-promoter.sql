-- Would people recommend us: a promoter counts 100, a detractor -100, so that the mean is the share of promoters less
-- that of detractors, in points.
WITH given AS (
  SELECT id, max(value_integer) AS likely
  FROM answers
  WHERE number = 0 AND link_id = 'recommend' AND value_integer BETWEEN 0 AND 10
  GROUP BY id
)
SELECT
  r.resource,
  r.subject,
  r.said_at AS at,
  r.department,
  r.practitioner,
  TRUE AS initial_population,
  g.likely IS NOT NULL AS measure_population,
  g.likely >= 9 AS promoters,
  g.likely IN (7, 8) AS passives,
  g.likely <= 6 AS detractors,
  CASE WHEN g.likely >= 9 THEN 100.0 WHEN g.likely <= 6 THEN -100.0 WHEN g.likely IS NOT NULL THEN 0.0 END AS value
FROM replies r
LEFT JOIN given g ON g.id = r.id
WHERE r.form = 'https://carethread.dev/fhir/Questionnaire/visit-experience'
  AND r.status IN ('completed', 'amended')
  AND r.said_at >= $start AND r.said_at < $end
