-- Feedback, and whether the person has heard what came of it. What is not due yet is open, even where it is answered
-- already: who is quick would else be counted before who is slow.
WITH said AS (
  SELECT
    f.id,
    coalesce(s.survivor_id, f.patient_id) AS subject,
    coalesce(f.said_at, f.authored_at) AS said_at,
    coalesce(f.department_id, r.department, f.owner_organization_id, w.organization_id) AS department,
    coalesce(f.owner_practitioner_id, w.practitioner_id) AS practitioner,
    f.status,
    f.state_code,
    coalesce(f.due_at, coalesce(f.said_at, f.authored_at) + INTERVAL 7 DAY) AS due_at,
    f.closed_at
  FROM feedback f
  LEFT JOIN survivors s ON s.patient_id = f.patient_id
  LEFT JOIN replies r ON r.id = f.response_id
  LEFT JOIN practitioner_roles w ON w.id = f.owner_practitioner_role_id
  WHERE f.status <> 'entered-in-error'
)
SELECT
  'Task/' || id AS resource,
  subject,
  said_at AS at,
  department,
  practitioner,
  TRUE AS initial_population,
  status <> 'cancelled' AND due_at <= $now AS denominator,
  status = 'completed' AND state_code IN ('told', 'told-openly') AS numerator,
  status <> 'cancelled' AND due_at > $now AS open,
  status = 'cancelled' AS withdrawn,
  status = 'completed' AND due_at <= $now AND closed_at IS NOT NULL AS measure_population,
  date_diff('millisecond', said_at, closed_at) / 86400000.0 AS value
FROM said
WHERE said_at >= $start AND said_at < $end
