-- Stays that ended in the period, and whether the next one of the person began within 30 days, unplanned, for whatever
-- reason. Parts of a stay are none of their own.
WITH hospital AS (
  SELECT *
  FROM stays
  WHERE subject IS NOT NULL
    AND start_at IS NOT NULL
    AND class_code IN ('IMP', 'ACUTE', 'NONAC')
    AND status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND part_of_id IS NULL
), ended AS (
  SELECT * FROM hospital WHERE status = 'finished' AND end_at >= start_at AND end_at >= $start AND end_at < $end
), later AS (
  -- What begins as this one ends follows it; of two that are no longer than a moment, or known by the same day only, the
  -- one with the greater id does.
  SELECT
    e.id,
    coalesce(o.priority_code, '') = 'EL' AS planned,
    coalesce(o.admit_source_code, '') = 'hosp-trans' AND o.start_at <= e.end_at + INTERVAL 24 HOUR AS is_transfer,
    row_number() OVER (PARTITION BY e.id ORDER BY o.start_at, o.id) AS number
  FROM ended e
  JOIN hospital o ON o.subject = e.subject AND o.id <> e.id
  WHERE o.start_at >= e.end_at
    AND o.start_at <= e.end_at + INTERVAL 30 DAY
    AND (o.start_at > e.start_at OR o.end_at IS NULL OR o.end_at > e.end_at OR o.id > e.id)
), moved AS (
  -- In another stay as this one ends, or brought from it to the next within a day. Of one that is over, nobody knows since
  -- when, it is not known that this one was within it.
  SELECT e.id
  FROM ended e
  JOIN hospital o ON o.subject = e.subject AND o.id <> e.id
  WHERE o.start_at < e.end_at
    AND (o.end_at IS NULL AND o.status <> 'finished'
      OR o.end_at > e.end_at
      OR (o.end_at = e.end_at AND o.end_at > e.start_at AND o.id > e.id))
  UNION
  SELECT id FROM later WHERE is_transfer AND number = 1
), died AS (
  -- How they left is told by the discharge disposition where the stay ended within what is known of the death. What ended
  -- on a day is of that day, whatever clocks say.
  SELECT e.id
  FROM ended e
  JOIN deaths p ON p.subject = e.subject
  LEFT JOIN zones z ON z.department = e.department
  WHERE CASE
      WHEN p.by_clocks AND e.until_at = e.end_at THEN e.end_at AT TIME ZONE 'UTC' AT TIME ZONE coalesce(z.zone, 'UTC')
      ELSE e.end_at
    END >= CASE WHEN e.discharge_code IS NULL THEN p.deceased_at ELSE p.surely_at END
), following AS (
  SELECT id, planned FROM later WHERE number = 1
)
SELECT
  e.resource,
  e.subject,
  e.end_at AS at,
  e.department,
  e.practitioner,
  TRUE AS initial_population,
  e.end_at + INTERVAL 30 DAY <= $now AS denominator,
  coalesce(e.discharge_code, '') IN ('exp', 'aadvice', 'other-hcf')
    OR d.id IS NOT NULL
    OR m.id IS NOT NULL AS denominator_exclusion,
  n.id IS NOT NULL AND NOT n.planned AS numerator,
  coalesce(n.planned, FALSE) AS planned,
  e.end_at + INTERVAL 30 DAY > $now AS not_over
FROM ended e
LEFT JOIN moved m ON m.id = e.id
LEFT JOIN following n ON n.id = e.id
LEFT JOIN died d ON d.id = e.id
