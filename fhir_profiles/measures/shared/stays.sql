-- Encounters with the person who is meant today (after merges), the department, and who saw them: of what was
-- entered in error there is none.
SELECT
  e.id,
  'Encounter/' || e.id AS resource,
  coalesce(s.survivor_id, e.patient_id) AS subject,
  coalesce(e.department_id, e.organization_id, r.organization_id, l.organization_id) AS department,
  coalesce(e.practitioner_id, r.practitioner_id) AS practitioner,
  e.status,
  e.class_code,
  e.start_at,
  e.begun_by_at,
  e.end_at,
  e.until_at,
  e.appointment_id,
  e.type_code,
  e.reason_system,
  e.reason_code,
  e.condition_id,
  e.priority_code,
  e.admit_source_code,
  e.discharge_code,
  e.part_of_id
FROM encounters e
LEFT JOIN survivors s ON s.patient_id = e.patient_id
LEFT JOIN practitioner_roles r ON r.id = e.practitioner_role_id
LEFT JOIN locations l ON l.id = e.location_id
WHERE coalesce(e.status, 'unknown') <> 'entered-in-error'
