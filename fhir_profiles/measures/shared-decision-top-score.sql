-- CollaboRATE: the share of those who have answered all three questions who give 9 of 9 to each.
WITH given AS (
  SELECT id, link_id, max(value_integer) AS effort
  FROM answers
  WHERE number = 0 AND link_id IN ('understand', 'listen', 'include') AND value_integer BETWEEN 0 AND 9
  GROUP BY id, link_id
), summed AS (
  SELECT id, count(effort) AS questions, min(effort) AS least
  FROM given
  GROUP BY id
)
SELECT
  r.resource,
  r.subject,
  r.said_at AS at,
  r.department,
  r.practitioner,
  TRUE AS initial_population,
  coalesce(s.questions, 0) = 3 AS denominator,
  s.least = 9 AS numerator
FROM replies r
LEFT JOIN summed s ON s.id = r.id
WHERE r.form = 'https://carethread.dev/fhir/Questionnaire/collaborate'
  AND r.status IN ('completed', 'amended')
  AND r.said_at >= $start AND r.said_at < $end
