-- Whether a social need of the person was confirmed, and not over at the end of the last day of the period. A need
-- whose end is told holds until then, else as long as it is said to be active. One that is only proposed, or not so, is
-- none; where an EHR says nothing of that, somebody has found it.
WITH needy AS (
  SELECT DISTINCT coalesce(s.survivor_id, c.patient_id) AS subject
  FROM conditions c
  LEFT JOIN survivors s ON s.patient_id = c.patient_id
  WHERE c.need_code IS NOT NULL
    AND coalesce(c.verification_status, 'confirmed') = 'confirmed'
    AND CAST(coalesce(c.onset_at, c.onset_from_at, c.recorded_at, c.last_updated_at) AS DATE) < CAST($utc_end AS DATE)
    AND coalesce(c.abated_until_at, c.abated_period_until_at, $utc_end + INTERVAL 1 DAY) > $utc_end
    AND (
      coalesce(c.abated_until_at, c.abated_period_until_at) IS NOT NULL
      OR coalesce(c.clinical_status, 'active') IN ('active', 'recurrence', 'relapse')
    )
)
SELECT p.id AS subject, CASE WHEN n.subject IS NULL THEN 'no' ELSE 'yes' END AS value
FROM patients p
LEFT JOIN needy n ON n.subject = p.id
