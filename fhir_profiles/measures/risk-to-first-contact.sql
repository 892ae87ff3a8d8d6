-- Times at which somebody's risk came to be high (Flags `high-risk`) in the period, and when the person was first reached
-- after that by somebody who tried to (Tasks `outreach`).
WITH raised AS (
  SELECT
    f.id,
    coalesce(s.survivor_id, f.patient_id) AS subject,
    coalesce(f.department_id, f.author_organization_id) AS department,
    f.start_at,
    -- Until when contact was to be made: until somebody stepped down, or died. Of what is over at a moment that nobody
    -- knows there was no time.
    CASE
      WHEN f.until_at IS NULL AND p.deceased_at IS NULL AND (f.status = 'inactive' OR p.deceased) THEN f.start_at
      ELSE least(f.until_at, p.deceased_at)
    END AS end_at,
    -- Who was reached on the day of their death was so before it.
    CASE
      WHEN f.until_at IS NULL AND p.deceased_at IS NULL AND (f.status = 'inactive' OR p.deceased) THEN f.start_at
      ELSE least(f.until_at, p.surely_at)
    END AS last_at
  FROM flags f
  LEFT JOIN survivors s ON s.patient_id = f.patient_id
  LEFT JOIN zones z ON z.department = coalesce(f.department_id, f.author_organization_id)
  LEFT JOIN deaths_by_zone p ON p.subject = coalesce(s.survivor_id, f.patient_id) AND p.zone = coalesce(z.zone, 'UTC')
  WHERE f.kind_code = 'high-risk'
    AND f.status IN ('active', 'inactive')
    AND f.start_at >= $start AND f.start_at < $end
), reached AS (
  SELECT
    t.id,
    coalesce(s.survivor_id, t.patient_id) AS subject,
    coalesce(t.owner_practitioner_id, r.practitioner_id) AS practitioner,
    t.ended_at
  FROM tasks t
  LEFT JOIN survivors s ON s.patient_id = t.patient_id
  LEFT JOIN practitioner_roles r ON r.id = t.owner_practitioner_role_id
  WHERE t.careteam_code = 'outreach' AND t.status = 'completed' AND t.outreach_code = 'reached'
), contacts AS (
  SELECT f.id, c.ended_at, c.practitioner, row_number() OVER (PARTITION BY f.id ORDER BY c.ended_at, c.id) AS number
  FROM raised f
  JOIN reached c ON c.subject = f.subject AND c.ended_at >= f.start_at AND (f.last_at IS NULL OR c.ended_at <= f.last_at)
)
SELECT
  'Flag/' || f.id AS resource,
  f.subject,
  f.start_at AS at,
  f.department,
  c.practitioner,
  TRUE AS initial_population,
  c.id IS NOT NULL AS reached,
  date_diff('millisecond', f.start_at, c.ended_at) / 3600000.0 AS hours,
  c.id IS NULL AND (f.end_at IS NULL OR f.end_at > $now) AS open,
  -- The two days are over, or the person was reached before that.
  c.id IS NOT NULL OR f.end_at <= $now OR f.start_at + INTERVAL 48 HOUR <= $now AS told,
  c.id IS NULL AND f.end_at < f.start_at + INTERVAL 48 HOUR AND f.end_at <= $now AS over_before,
  c.ended_at <= f.start_at + INTERVAL 48 HOUR AS reached_in_time
FROM raised f
LEFT JOIN contacts c ON c.id = f.id AND c.number = 1
