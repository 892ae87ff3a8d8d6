-- Care plans that began in the period and go on, and whether somebody answers for the person now.
WITH leads AS (
  SELECT subject, min(practitioner) AS practitioner FROM team_now WHERE accountable AND subject IS NOT NULL GROUP BY subject
), teams AS (
  SELECT id, max(coalesce(department_id, organization_id)) AS organization_id FROM team_members GROUP BY id
)
SELECT
  'CarePlan/' || p.id AS resource,
  coalesce(s.survivor_id, p.patient_id) AS subject,
  coalesce(p.start_at, p.created_at) AS at,
  coalesce(p.department_id, t.organization_id) AS department,
  l.practitioner,
  TRUE AS initial_population,
  TRUE AS denominator,
  coalesce(d.deceased, FALSE) OR d.deceased_at IS NOT NULL AS denominator_exclusion,
  l.subject IS NOT NULL AS numerator
FROM care_plans p
LEFT JOIN survivors s ON s.patient_id = p.patient_id
LEFT JOIN deaths d ON d.subject = coalesce(s.survivor_id, p.patient_id)
LEFT JOIN leads l ON l.subject = coalesce(s.survivor_id, p.patient_id)
LEFT JOIN teams t ON t.id = p.care_team_id
WHERE p.status = 'active'
  AND coalesce(p.start_at, p.created_at) >= $start AND coalesce(p.start_at, p.created_at) < $end
