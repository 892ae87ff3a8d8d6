-- Social needs that were recorded in the period and that somebody has confirmed: whether the person said yes to help and
-- the help met the need. What is only proposed is no need yet.
WITH needs AS (
  SELECT
    c.id,
    coalesce(s.survivor_id, c.patient_id) AS subject,
    v.department,
    c.need_code,
    coalesce(c.recorded_at, c.onset_at, c.onset_from_at, c.last_updated_at) AS at
  FROM conditions c
  LEFT JOIN survivors s ON s.patient_id = c.patient_id
  LEFT JOIN stays v ON v.id = c.encounter_id
  WHERE c.need_code IS NOT NULL
    AND coalesce(c.verification_status, 'confirmed') = 'confirmed'
    AND coalesce(c.recorded_at, c.onset_at, c.onset_from_at, c.last_updated_at) >= $start
    AND coalesce(c.recorded_at, c.onset_at, c.onset_from_at, c.last_updated_at) < $end
), said AS (
  -- What the person said to offers of help with it: a yes that was taken back is none, and one that is over is none now.
  SELECT
    n.condition_id,
    max(CASE
      WHEN o.status = 'active' AND o.provision_type = 'permit' AND (o.until_at IS NULL OR o.until_at > $now) THEN 1
      ELSE 0
    END) AS yes,
    max(CASE WHEN o.provision_type = 'deny' THEN 1 ELSE 0 END) AS no
  FROM consents o
  JOIN consent_needs n ON n.id = o.id
  WHERE o.status IN ('active', 'rejected') AND n.condition_id IS NOT NULL
  GROUP BY n.condition_id
), helped AS (
  -- What was asked for by such a yes, and has met the need while the yes held. Of a yes to help with several needs it has
  -- met the one that it names; all of them, where it names none.
  SELECT DISTINCT n.condition_id
  FROM tasks t
  JOIN consents o ON o.id = t.consent_id
  JOIN consent_needs n ON n.id = o.id AND (t.need_id IS NULL OR t.need_id = n.condition_id)
  WHERE t.careteam_code = 'need-referral'
    AND t.status = 'completed'
    AND t.referral_code = 'need-met'
    AND o.status = 'active'
    AND o.provision_type = 'permit'
    AND (o.start_at IS NULL OR t.authored_at >= o.start_at)
    AND (o.until_at IS NULL OR t.authored_at < o.until_at)
)
SELECT
  'Condition/' || n.id AS resource,
  n.subject,
  n.at,
  n.department,
  CAST(NULL AS VARCHAR) AS practitioner,
  n.need_code AS need,
  TRUE AS initial_population,
  TRUE AS denominator,
  -- Who has said no, and no yes that stands, wants no help: that is respected.
  coalesce(s.no = 1 AND s.yes = 0, FALSE) AS denominator_exception,
  h.condition_id IS NOT NULL AS numerator,
  h.condition_id IS NOT NULL OR coalesce(s.yes = 1, FALSE) AS consented
FROM needs n
LEFT JOIN said s ON s.condition_id = n.id
LEFT JOIN helped h ON h.condition_id = n.id
