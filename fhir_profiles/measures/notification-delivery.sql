-- Messages to people (reminders, links to forms) that were to be sent in the period, and what whoever sends them has said
-- of each: it arrived, or it did not. Of which nobody has said anything are unresolved, in no share.
WITH told AS (
  SELECT
    q.request_id,
    max(CASE WHEN c.status = 'completed' THEN 1 ELSE 0 END) AS arrived,
    max(CASE WHEN c.status IN ('not-done', 'stopped') THEN 1 ELSE 0 END) AS lost
  FROM communication_requests q
  JOIN communications c ON c.id = q.id
  WHERE q.request_id IS NOT NULL
  GROUP BY q.request_id
), messages AS (
  SELECT
    d.id,
    coalesce(s.survivor_id, d.recipient_patient_id, d.patient_id) AS subject,
    coalesce(d.due_at, d.due_from_at, d.authored_at) AS due_at,
    coalesce(d.department_id, v.department) AS department,
    d.medium_code AS medium,
    d.status IN ('revoked', 'on-hold') AS off,
    d.status = 'completed' OR coalesce(t.arrived = 1, FALSE) AS arrived,
    coalesce(t.lost = 1, FALSE) AS lost
  FROM deliveries d
  LEFT JOIN told t ON t.request_id = d.id
  LEFT JOIN survivors s ON s.patient_id = coalesce(d.recipient_patient_id, d.patient_id)
  LEFT JOIN visits v ON v.id = d.appointment_id
  WHERE coalesce(d.due_at, d.due_from_at, d.authored_at) >= $start AND coalesce(d.due_at, d.due_from_at, d.authored_at) < $end
    AND d.status NOT IN ('draft', 'entered-in-error')
)
SELECT
  'CommunicationRequest/' || id AS resource,
  subject,
  due_at AS at,
  department,
  CAST(NULL AS VARCHAR) AS practitioner,
  medium,
  TRUE AS initial_population,
  arrived OR lost OR off AS denominator,
  off AS denominator_exclusion,
  arrived AS numerator,
  NOT arrived AND NOT lost AND NOT off AND due_at < $now AS unresolved
FROM messages
