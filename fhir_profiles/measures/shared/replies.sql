-- Responses of whatever status, with the person who is meant today (after merges), the form without its version, and the
-- department: that which the response names or is about, else that of its team, its visit, or the role in which it was
-- written. The practitioner is who saw the person at the visit.
WITH teams AS (
  SELECT r.id, max(coalesce(t.department_id, t.organization_id)) AS department
  FROM responses r
  JOIN team_members t ON t.id = r.care_team_id
  GROUP BY r.id
), written AS (
  SELECT *, split_part(questionnaire, '|', 1) AS form, coalesce(authored_at, last_updated_at) AS written_at
  FROM responses
)
SELECT
  r.id,
  'QuestionnaireResponse/' || r.id AS resource,
  coalesce(s.survivor_id, r.patient_id) AS subject,
  coalesce(
    r.department_id, r.organization_id, t.department,
    e.department_id, e.organization_id, v.organization_id, l.organization_id,
    w.organization_id
  ) AS department,
  coalesce(e.practitioner_id, v.practitioner_id) AS practitioner,
  r.form,
  r.status,
  r.written_at AS said_at,
  r.asked_at,
  r.expires_at
FROM written r
LEFT JOIN survivors s ON s.patient_id = r.patient_id
LEFT JOIN teams t ON t.id = r.id
LEFT JOIN encounters e ON e.id = r.encounter_id AND coalesce(e.status, 'unknown') <> 'entered-in-error'
LEFT JOIN practitioner_roles v ON v.id = e.practitioner_role_id
LEFT JOIN locations l ON l.id = e.location_id
LEFT JOIN practitioner_roles w ON w.id = r.author_practitioner_role_id
