-- Visits that are over, and whether the person came again for a related reason within 72 hours without that having been
-- planned. What a visit was for: each code of its reasons and of its diagnoses, however many; of ICD-10 the first three
-- characters say it, and which edition that is makes no difference.
WITH coded AS (
  SELECT r.id, r.system, r.code
  FROM encounter_reasons r
  UNION ALL
  SELECT d.id, c.system, c.code
  FROM encounter_diagnoses d
  JOIN condition_codings c ON c.id = d.condition_id
), reasons AS (
  SELECT
    id,
    CASE
      WHEN system LIKE '%/icd-10%' OR system IN ('urn:oid:2.16.840.1.113883.6.90', 'urn:oid:2.16.840.1.113883.6.3')
        THEN 'icd-10|' || substring(code, 1, 3)
      WHEN system = 'urn:oid:2.16.840.1.113883.6.96' THEN 'http://snomed.info/sct|' || code
      ELSE coalesce(system, '') || '|' || code
    END AS reason
  FROM coded
  WHERE code IS NOT NULL
  UNION ALL
  SELECT id, 'Condition/' || condition_id
  FROM encounter_diagnoses
  WHERE condition_id IS NOT NULL
), begun AS (
  SELECT
    s.*,
    CASE WHEN s.end_at >= s.start_at THEN s.end_at ELSE s.start_at END AS over_at,
    coalesce(s.end_at >= s.start_at AND s.until_at > s.end_at, FALSE) AS ended_by_day
  FROM stays s
  WHERE s.subject IS NOT NULL
    AND s.start_at >= $start
    AND s.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND coalesce(s.class_code, 'AMB') NOT IN ('IMP', 'ACUTE', 'NONAC', 'OBSENC', 'PRENC', 'SS')
    AND s.part_of_id IS NULL
), told AS (
  -- Each visit with each thing that it was for, once.
  SELECT DISTINCT b.id, b.subject, b.start_at, b.over_at, b.priority_code, b.appointment_id, x.reason
  FROM begun b
  JOIN reasons x ON x.id = b.id
), returned AS (
  SELECT DISTINCT i.id
  FROM told i
  JOIN told r ON r.subject = i.subject AND r.reason = i.reason
  LEFT JOIN appointments a ON a.id = r.appointment_id
  WHERE r.start_at > i.over_at AND r.start_at <= i.over_at + INTERVAL 72 HOUR
    AND coalesce(r.priority_code, '') <> 'EL'
    AND coalesce(a.hl7_kind_code, a.kind_code, '') NOT IN ('CHECKUP', 'FOLLOWUP')
    AND (a.created_at IS NULL OR a.created_at > i.over_at)
), known AS (
  SELECT b.*, t.id IS NOT NULL AS is_told, over_at + INTERVAL 72 HOUR <= $now AS is_over
  FROM begun b
  LEFT JOIN (SELECT DISTINCT id FROM told) t ON t.id = b.id
  WHERE status = 'finished' AND start_at < $end
), died AS (
  -- How they left is told by the discharge disposition where this ended within what is known of the death. What ended on
  -- a day is of that day, whatever clocks say.
  SELECT k.id
  FROM known k
  LEFT JOIN zones z ON z.department = k.department
  JOIN deaths_by_zone p
    ON p.subject = k.subject AND p.zone = CASE WHEN k.ended_by_day THEN 'UTC' ELSE coalesce(z.zone, 'UTC') END
  WHERE k.over_at >= CASE WHEN k.discharge_code IS NULL THEN p.deceased_at ELSE p.surely_at END
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
