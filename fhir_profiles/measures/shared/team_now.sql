-- Who is on a care team now, of whom, and whether they answer for that person: within their time and the team's; in a
-- role that is there, in use, and within its own. Whose shift as the one who answers is over goes on as a member.
SELECT
  coalesce(s.survivor_id, m.patient_id) AS subject,
  coalesce(m.practitioner_id, r.practitioner_id) AS practitioner,
  m.accountable AND (m.accountable_until_at IS NULL OR m.accountable_until_at > $now) AS accountable
FROM team_members m
LEFT JOIN survivors s ON s.patient_id = m.patient_id
LEFT JOIN practitioner_roles r ON r.id = m.practitioner_role_id
WHERE m.team_status = 'active'
  AND (m.team_start_at IS NULL OR m.team_start_at <= $now) AND (m.team_until_at IS NULL OR m.team_until_at > $now)
  AND (m.start_at IS NULL OR m.start_at <= $now) AND (m.until_at IS NULL OR m.until_at > $now)
  AND (m.practitioner_id IS NOT NULL OR r.id IS NOT NULL)
  AND coalesce(r.active, TRUE)
  AND (r.start_at IS NULL OR r.start_at <= $now) AND (r.until_at IS NULL OR r.until_at > $now)
