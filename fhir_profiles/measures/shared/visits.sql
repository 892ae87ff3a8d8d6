-- Appointments with the person who is meant today (after merges), and the department: that which the appointment
-- names, else that of its service, its practitioner's role or its place. Who called it off is told by the desk's mark,
-- else by the reason; else it was the person, where it is marked whether that was late: it is said of nobody else.
SELECT
  a.id,
  'Appointment/' || a.id AS resource,
  coalesce(s.survivor_id, a.patient_id) AS subject,
  coalesce(a.department_id, h.organization_id, r.organization_id, l.organization_id) AS department,
  coalesce(a.practitioner_id, r.practitioner_id) AS practitioner,
  a.status,
  a.created_at,
  a.start_at,
  a.end_at,
  a.came_at,
  a.checked_in_at,
  a.started_at,
  a.ended_at,
  coalesce(a.hl7_kind_code, a.kind_code) AS kind_code,
  a.modality,
  a.service_code,
  CASE
    WHEN a.cancelled_by IS NOT NULL THEN a.cancelled_by
    WHEN a.cancellation_code LIKE 'prov%' OR a.cancellation_code LIKE 'maint%' THEN 'provider'
    WHEN a.cancellation_code LIKE 'pat%' THEN 'patient'
    WHEN a.late_cancellation IS NOT NULL THEN 'patient'
  END AS cancelled_by,
  a.late_cancellation
FROM appointments a
LEFT JOIN survivors s ON s.patient_id = a.patient_id
LEFT JOIN healthcare_services h ON h.id = a.healthcare_service_id
LEFT JOIN practitioner_roles r ON r.id = a.practitioner_role_id
LEFT JOIN locations l ON l.id = a.location_id
