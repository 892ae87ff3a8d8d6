-- How much people trust us: the sum of four answers of 1 to 5 each. Nothing is made up for one that is left out.
WITH weighed AS (
  SELECT
    id,
    link_id,
    max(
      CASE value_code
        WHEN 'strongly-agree' THEN 5
        WHEN 'agree' THEN 4
        WHEN 'neither' THEN 3
        WHEN 'disagree' THEN 2
        WHEN 'strongly-disagree' THEN 1
      END
    ) AS weight
  FROM answers
  WHERE number = 0 AND link_id IN ('empathy', 'communication', 'transparency', 'honesty')
  GROUP BY id, link_id
), summed AS (
  SELECT id, CAST(sum(weight) AS DOUBLE) AS total
  FROM weighed
  GROUP BY id
  HAVING count(weight) = 4
)
SELECT
  r.resource,
  r.subject,
  r.said_at AS at,
  r.department,
  r.practitioner,
  TRUE AS initial_population,
  s.total IS NOT NULL AS measure_population,
  s.total AS value
FROM replies r
LEFT JOIN summed s ON s.id = r.id
WHERE r.form = 'https://carethread.dev/fhir/Questionnaire/trust'
  AND r.status IN ('completed', 'amended')
  AND r.said_at >= $start AND r.said_at < $end
