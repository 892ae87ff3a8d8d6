-- How people found a visit. Of each question only those count who have answered it, on its scale.
WITH given AS (
  SELECT
    id,
    max(CASE WHEN link_id = 'overall' AND value_integer BETWEEN 0 AND 10 THEN value_integer END) AS overall,
    max(CASE WHEN link_id = 'listened' THEN value_code END) AS listened,
    max(CASE WHEN link_id = 'explained' THEN value_code END) AS explained,
    max(CASE WHEN link_id = 'respected' THEN value_code END) AS respected,
    max(CASE WHEN link_id = 'time' THEN value_code END) AS enough_time
  FROM answers
  WHERE number = 0 AND link_id IN ('overall', 'listened', 'explained', 'respected', 'time')
  GROUP BY id
)
SELECT
  r.resource,
  r.subject,
  r.said_at AS at,
  r.department,
  r.practitioner,
  TRUE AS initial_population,
  g.overall IS NOT NULL AS overall_asked,
  g.overall >= 9 AS overall_top,
  g.listened IS NOT NULL AS listened_asked,
  g.listened = 'fully' AS listened_top,
  g.explained IS NOT NULL AS explained_asked,
  g.explained = 'fully' AS explained_top,
  g.respected IS NOT NULL AS respected_asked,
  g.respected = 'fully' AS respected_top,
  g.enough_time IS NOT NULL AS time_asked,
  g.enough_time = 'fully' AS time_top,
  g.listened IS NOT NULL AND g.explained IS NOT NULL AND g.respected IS NOT NULL AND g.enough_time IS NOT NULL
    AS measure_population,
  (
    CASE WHEN g.listened = 'fully' THEN 1 ELSE 0 END
    + CASE WHEN g.explained = 'fully' THEN 1 ELSE 0 END
    + CASE WHEN g.respected = 'fully' THEN 1 ELSE 0 END
    + CASE WHEN g.enough_time = 'fully' THEN 1 ELSE 0 END
  ) / 4.0 AS value
FROM replies r
LEFT JOIN given g ON g.id = r.id
WHERE r.form = 'https://carethread.dev/fhir/Questionnaire/visit-experience'
  AND r.status IN ('completed', 'amended')
  AND r.said_at >= $start AND r.said_at < $end
