-- Messages to people (reminders, links to forms) that were to be sent in the period, and whether they arrived.
SELECT
  'CommunicationRequest/' || d.id AS resource,
  coalesce(s.survivor_id, d.recipient_patient_id, d.patient_id) AS subject,
  coalesce(d.due_at, d.authored_at) AS at,
  coalesce(d.department_id, v.department) AS department,
  CAST(NULL AS VARCHAR) AS practitioner,
  d.medium_code AS medium,
  TRUE AS initial_population,
  coalesce(d.due_at, d.authored_at) < $now OR d.status = 'completed' AS denominator,
  d.status IN ('revoked', 'on-hold') AS denominator_exclusion,
  d.status = 'completed' AS numerator
FROM deliveries d
LEFT JOIN survivors s ON s.patient_id = coalesce(d.recipient_patient_id, d.patient_id)
LEFT JOIN visits v ON v.id = d.appointment_id
WHERE coalesce(d.due_at, d.authored_at) >= $start AND coalesce(d.due_at, d.authored_at) < $end
  AND d.status NOT IN ('draft', 'entered-in-error')
