-- Care plans that began in the period and go on, and whether somebody answers for the person now.
WITH members AS (
  -- Who answers for whom, from when to when: a member's time lies within that of the team. An end that names a day stands
  -- as the first moment of that day, and means all of it.
  SELECT
    coalesce(s.survivor_id, m.patient_id) AS subject,
    coalesce(m.practitioner_id, r.practitioner_id) AS practitioner
  FROM team_members m
  LEFT JOIN survivors s ON s.patient_id = m.patient_id
  LEFT JOIN practitioner_roles r ON r.id = m.practitioner_role_id
  WHERE m.team_status = 'active'
    AND m.accountable
    AND (m.practitioner_id IS NOT NULL OR m.practitioner_role_id IS NOT NULL)
    AND coalesce(r.active, TRUE)
    AND (m.start_at IS NULL OR m.start_at <= $now)
    AND (m.team_start_at IS NULL OR m.team_start_at <= $now)
    AND (m.end_at IS NULL OR $now < m.end_at
      + CASE WHEN m.end_at = date_trunc('day', m.end_at) THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END)
    AND (m.team_end_at IS NULL OR $now < m.team_end_at
      + CASE WHEN m.team_end_at = date_trunc('day', m.team_end_at) THEN INTERVAL 1 DAY ELSE INTERVAL 0 DAY END)
), leads AS (
  SELECT subject, min(practitioner) AS practitioner FROM members WHERE subject IS NOT NULL GROUP BY subject
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
