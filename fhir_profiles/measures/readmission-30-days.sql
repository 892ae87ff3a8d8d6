-- Stays that ended in the period, and whether the next one of the person began within 30 days, unplanned, for whatever
-- reason. Parts of a stay are none of their own.
WITH told AS (
  -- Between which moments each began, and was over: of whom the day alone is known, by the clocks of its department.
  SELECT
    s.*,
    CASE
      WHEN s.begun_by_at > s.start_at
        THEN date_trunc('day', s.start_at) AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC'
      ELSE s.start_at
    END AS begun_from,
    CASE
      WHEN s.begun_by_at > s.start_at THEN s.begun_by_at AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC'
      ELSE s.start_at
    END AS begun_by,
    CASE
      WHEN s.until_at > s.end_at
        THEN date_trunc('day', s.end_at) AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC'
      ELSE s.end_at
    END AS over_from,
    CASE
      WHEN s.until_at > s.end_at THEN s.until_at AT TIME ZONE coalesce(z.zone, 'UTC') AT TIME ZONE 'UTC'
      ELSE s.end_at
    END AS over_by
  FROM stays s
  LEFT JOIN zones z ON z.department = s.department
  WHERE s.subject IS NOT NULL
    AND s.start_at IS NOT NULL
    AND s.class_code IN ('IMP', 'ACUTE', 'NONAC')
    AND s.status IN ('arrived', 'triaged', 'in-progress', 'onleave', 'finished')
    AND s.part_of_id IS NULL
), hospital AS (
  -- None is over before it began; `last_at` tells them apart by which is over last.
  SELECT
    *,
    least(begun_by, CASE WHEN over_by > begun_from THEN over_by ELSE begun_by END) AS surely_begun,
    greatest(over_from, begun_from) AS maybe_over,
    CASE WHEN over_by >= start_at THEN over_by WHEN over_by < start_at THEN start_at END AS last_at
  FROM told
), ended AS (
  SELECT *
  FROM hospital
  WHERE status = 'finished' AND (end_at >= start_at OR over_by > begun_from) AND end_at >= $start AND end_at < $end
), later AS (
  -- What begins as this one ends follows it, or may do so where days alone are known: then that which is over later
  -- does, or has begun later, or has the greater id.
  SELECT
    e.id,
    coalesce(o.priority_code, '') = 'EL' AS planned,
    coalesce(o.admit_source_code, '') = 'hosp-trans'
      AND (o.begun_from <= e.end_at + INTERVAL 24 HOUR OR o.start_at < e.over_by + INTERVAL 24 HOUR) AS is_transfer,
    row_number() OVER (PARTITION BY e.id ORDER BY o.start_at, o.id) AS number
  FROM ended e
  JOIN hospital o ON o.subject = e.subject AND o.id <> e.id
  WHERE o.surely_begun >= e.maybe_over
    AND (o.begun_from <= e.end_at + INTERVAL 30 DAY OR o.start_at < e.over_by + INTERVAL 30 DAY)
    AND (o.last_at IS NULL OR o.last_at > e.last_at
      OR (o.last_at = e.last_at AND (o.start_at > e.start_at OR (o.start_at = e.start_at AND o.id > e.id))))
), moved AS (
  -- In another stay as this one ends, or brought from it to the next within a day. Of one that is over, nobody knows since
  -- when, it is not known that this one was within it.
  SELECT e.id
  FROM ended e
  JOIN hospital o ON o.subject = e.subject AND o.id <> e.id
  WHERE o.surely_begun < e.maybe_over
    AND (o.last_at IS NULL AND o.status <> 'finished'
      OR o.last_at > e.last_at
      OR (o.last_at = e.last_at AND (o.start_at > e.start_at OR (o.start_at = e.start_at AND o.id > e.id))))
  UNION
  SELECT id FROM later WHERE is_transfer AND number = 1
), died AS (
  -- How they left is told by the discharge disposition where the stay ended within what is known of the death. What ended
  -- on a day is of that day, whatever clocks say.
  SELECT e.id
  FROM ended e
  LEFT JOIN zones z ON z.department = e.department
  JOIN deaths_by_zone p ON p.subject = e.subject AND p.zone = coalesce(z.zone, 'UTC')
  WHERE CASE
      WHEN e.discharge_code IS NULL THEN e.end_at >= p.deceased_at OR e.over_by > p.deceased_at
      ELSE e.maybe_over >= p.surely_at
    END
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
  e.over_by + INTERVAL 30 DAY <= $now AS denominator,
  coalesce(e.discharge_code, '') IN ('exp', 'aadvice', 'other-hcf')
    OR d.id IS NOT NULL
    OR m.id IS NOT NULL AS denominator_exclusion,
  n.id IS NOT NULL AND NOT n.planned AS numerator,
  coalesce(n.planned, FALSE) AS planned,
  e.over_by + INTERVAL 30 DAY > $now AS not_over
FROM ended e
LEFT JOIN moved m ON m.id = e.id
LEFT JOIN following n ON n.id = e.id
LEFT JOIN died d ON d.id = e.id
