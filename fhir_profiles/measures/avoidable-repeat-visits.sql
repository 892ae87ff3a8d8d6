-- Visits that are over, and whether the person came again for a related reason within 72 hours without that having been
-- planned. What a visit was for: its reason and what its first diagnosis is; of ICD-10 the first three characters say it.
WITH begun AS (
  SELECT
    s.*,
    CASE WHEN s.end_at >= s.start_at THEN s.end_at ELSE s.start_at END AS over_at,
    coalesce(s.end_at >= s.start_at AND s.until_at > s.end_at, FALSE) AS ended_by_day,
    coalesce(s.reason_system, '') || '|'
      || CASE WHEN s.reason_system LIKE '%icd-10%' THEN substring(s.reason_code, 1, 3) ELSE s.reason_code END AS reason,
    coalesce(c.code_system, '') || '|'
      || CASE WHEN c.code_system LIKE '%icd-10%' THEN substring(c.code_code, 1, 3) ELSE c.code_code END AS diagnosis
  FROM stays s
  LEFT JOIN conditions c ON c.id = s.condition_id
  WHERE s.subject IS NOT NULL
    AND s.start_at >= $start
    AND s.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND coalesce(s.class_code, 'AMB') NOT IN ('IMP', 'ACUTE', 'NONAC', 'OBSENC', 'PRENC', 'SS')
    AND s.part_of_id IS NULL
), returned AS (
  SELECT DISTINCT i.id
  FROM begun i
  JOIN begun r ON r.subject = i.subject
  LEFT JOIN appointments a ON a.id = r.appointment_id
  WHERE r.start_at > i.over_at AND r.start_at <= i.over_at + INTERVAL 72 HOUR
    AND (r.condition_id = i.condition_id OR r.reason IN (i.reason, i.diagnosis) OR r.diagnosis IN (i.reason, i.diagnosis))
    AND coalesce(r.priority_code, '') <> 'EL'
    AND coalesce(a.kind_code, '') NOT IN ('CHECKUP', 'FOLLOWUP')
    AND (a.created_at IS NULL OR a.created_at > i.over_at)
), known AS (
  SELECT *, coalesce(reason, diagnosis, condition_id) IS NOT NULL AS is_told, over_at + INTERVAL 72 HOUR <= $now AS is_over
  FROM begun
  WHERE status = 'finished' AND start_at < $end
), died AS (
  -- How they left is told by the discharge disposition where this ended within what is known of the death. What ended on
  -- a day is of that day, whatever clocks say.
  SELECT k.id
  FROM known k
  JOIN deaths p ON p.subject = k.subject
  LEFT JOIN zones z ON z.department = k.department
  WHERE CASE
      WHEN p.by_clocks AND NOT k.ended_by_day THEN k.over_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC')
      ELSE k.over_at
    END >= CASE WHEN k.discharge_code IS NULL THEN p.deceased_at ELSE p.surely_at END
)
SELECT
  k.resource,
  k.subject,
  k.start_at AS at,
  k.department,
  k.practitioner,
  TRUE AS initial_population,
  k.is_told AND k.is_over AS denominator,
  coalesce(k.discharge_code, '') IN ('exp', 'aadvice', 'other-hcf')
    OR d.id IS NOT NULL AS denominator_exclusion,
  r.id IS NOT NULL AS numerator,
  NOT k.is_told AS reason_unknown,
  k.is_told AND NOT k.is_over AS not_over
FROM known k
LEFT JOIN returned r ON r.id = k.id
LEFT JOIN died d ON d.id = k.id
