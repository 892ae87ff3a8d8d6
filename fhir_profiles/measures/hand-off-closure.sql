-- Hand-offs that were offered in the period: whether they were answered in time, how soon they were accepted, and
-- whether the result that was waited for came in time.
WITH teams AS (
  SELECT id, max(coalesce(department_id, organization_id)) AS organization_id FROM team_members GROUP BY id
), offers AS (
  -- With the person who is meant today, and of whom or of which department an answer is waited for.
  SELECT
    h.id,
    coalesce(s.survivor_id, h.patient_id) AS subject,
    coalesce(h.department_id, h.to_organization_id, r.organization_id, t.organization_id) AS department,
    coalesce(h.to_practitioner_id, r.practitioner_id) AS practitioner,
    h.status,
    h.status = 'failed' AND h.expired AND h.accepted_at IS NULL AS expired,
    h.status = 'cancelled' AND h.accepted_at IS NULL AS withdrawn,
    h.offered_at,
    h.answer_by_at,
    h.accepted_at,
    coalesce(h.accepted_at, CASE WHEN h.status = 'rejected' THEN h.closed_at END) AS answered_at,
    h.closed_at,
    h.result_by_at
  FROM hand_offs h
  LEFT JOIN survivors s ON s.patient_id = h.patient_id
  LEFT JOIN practitioner_roles r ON r.id = h.to_practitioner_role_id
  LEFT JOIN teams t ON t.id = h.to_care_team_id
  WHERE h.offered_at >= $start AND h.offered_at < $end AND h.status NOT IN ('draft', 'entered-in-error')
)
SELECT
  'Task/' || id AS resource,
  subject,
  offered_at AS at,
  department,
  practitioner,
  TRUE AS initial_population,
  -- Answered at a moment that is known; or not at all, and the time for it is over.
  answer_by_at IS NOT NULL AND (
    answered_at IS NOT NULL OR expired OR withdrawn
    OR (status IN ('requested', 'received') AND answer_by_at <= $now)
  ) AS answer_due,
  withdrawn AND coalesce(closed_at <= answer_by_at, TRUE) AS withdrawn_in_time,
  answered_at <= answer_by_at AS answered_in_time,
  accepted_at >= offered_at AS accepted,
  date_diff('millisecond', offered_at, accepted_at) / 60000.0 AS minutes,
  -- Over, however that ended; or not, and the time for its result is over.
  accepted_at IS NOT NULL AND result_by_at IS NOT NULL AND CASE
    WHEN status IN ('completed', 'failed') THEN closed_at IS NOT NULL
    ELSE result_by_at <= $now
  END AS result_due,
  status = 'completed' AND closed_at <= result_by_at AS result_in_time
FROM offers
