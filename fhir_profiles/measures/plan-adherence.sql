-- Windows of time that ended in the period and in which an activity of a care plan was to be done: whether it was done
-- as often as it was to be. A window stands at its last millisecond, so that one that ends with a month is of that month;
-- one that ends as a day does in UTC stands at 10:00 of that day, as all do of which the day is known.
WITH teams AS (
  SELECT id, max(coalesce(department_id, organization_id)) AS organization_id FROM team_members GROUP BY id
), activities AS (
  -- Those that are to be done, with the person who is meant today: of who has died nobody knows when, nothing.
  SELECT
    a.id,
    a.number,
    coalesce(s.survivor_id, a.patient_id) AS subject,
    coalesce(a.department_id, t.organization_id) AS department,
    coalesce(a.status, 'in-progress') AS status,
    coalesce(a.plan_start_at, a.plan_created_at) AS plan_start_at,
    coalesce(a.bounds_start_at, a.plan_start_at, a.plan_created_at) AS start_at,
    a.plan_until_at AS plan_stop_at,
    a.bounds_until_at AS stop_at,
    a.scheduled_until_at AS once_by_at,
    -- On named days of the week and with no longer period, it is to be done on those days of each week.
    a.week_days > 0 AND (a.period IS NULL OR (a.period = 1 AND a.period_unit = 'd')) AS weekly,
    a.week_days,
    least(coalesce(a.times, 1), 1000) AS times,
    least(a.period, 10000000) AS period,
    a.period_unit,
    a.times_in_all,
    d.deceased_at
  FROM plan_activities a
  LEFT JOIN survivors s ON s.patient_id = a.patient_id
  LEFT JOIN care_plans p ON p.id = a.id
  LEFT JOIN teams t ON t.id = p.care_team_id
  LEFT JOIN zones z ON z.department = coalesce(a.department_id, t.organization_id)
  LEFT JOIN deaths_by_zone d ON d.subject = coalesce(s.survivor_id, a.patient_id) AND d.zone = coalesce(z.zone, 'UTC')
  WHERE a.plan_status IN ('active', 'completed')
    AND coalesce(a.status, 'in-progress') IN ('not-started', 'scheduled', 'in-progress', 'completed')
    AND NOT coalesce(a.not_to_do, FALSE)
    AND NOT coalesce(d.deceased, FALSE)
), repeating AS (
  -- How long a window is, in hours or in months of the calendar, and how often it is to be done in one.
  SELECT
    *,
    CASE WHEN weekly THEN week_days * times WHEN period_unit = 'wk' THEN greatest(times, week_days) ELSE times END AS often,
    NOT weekly AND period_unit IN ('mo', 'a') AS by_month,
    CASE WHEN weekly THEN 168
      ELSE period * CASE period_unit WHEN 'h' THEN 1 WHEN 'd' THEN 24 WHEN 'wk' THEN 168 WHEN 'mo' THEN 1 WHEN 'a' THEN 12 END
    END AS size
  FROM activities
  WHERE once_by_at IS NULL AND status <> 'completed' AND start_at < $end
), numbered AS (
  -- The numbers, from 1, of the windows that may have ended in the period; none is longer than 200 years.
  SELECT
    *,
    unnest(generate_series(
      greatest(1, CAST(floor(CASE WHEN by_month THEN date_diff('month', start_at, $start)
        ELSE date_diff('hour', start_at, $start) END / size) AS BIGINT) - 1),
      CAST(floor(CASE WHEN by_month THEN date_diff('month', start_at, $end)
        ELSE date_diff('hour', start_at, $end) + 14 END / size) AS BIGINT) + 1
    )) AS n
  FROM repeating
  WHERE size >= 1 AND size = floor(size) AND size <= CASE WHEN by_month THEN 2400 ELSE 1753200 END
), windows AS (
  -- What was done counts from `from_at` on and before `told_by_at`.
  SELECT
    id, number, subject, department, deceased_at, FALSE AS finished,
    CASE WHEN by_month THEN start_at + INTERVAL 1 MONTH * CAST((n - 1) * size AS INTEGER)
      ELSE start_at + INTERVAL 1 HOUR * CAST((n - 1) * size AS INTEGER) END AS from_at,
    CASE WHEN by_month THEN start_at + INTERVAL 1 MONTH * CAST(n * size AS INTEGER)
      ELSE start_at + INTERVAL 1 HOUR * CAST(n * size AS INTEGER) END AS until_at,
    CASE WHEN by_month THEN start_at + INTERVAL 1 MONTH * CAST(n * size AS INTEGER)
      ELSE start_at + INTERVAL 1 HOUR * CAST(n * size AS INTEGER) END AS told_by_at,
    least(often, coalesce(times_in_all - (n - 1) * often, often)) AS times,
    least(stop_at, plan_stop_at) AS stop_at
  FROM numbered
  UNION ALL
  -- What is to be done once is done whenever that was since the plan began, or where it is said to be completed.
  SELECT
    id, number, subject, department, deceased_at, status = 'completed',
    plan_start_at, once_by_at, $now, 1, once_by_at
  FROM activities
  WHERE once_by_at IS NOT NULL
), standing AS (
  SELECT
    *,
    CASE
      WHEN until_at = date_trunc('day', until_at) THEN until_at - INTERVAL 14 HOUR
      ELSE until_at - INTERVAL 1 MILLISECOND
    END AS at
  FROM windows
), due AS (
  SELECT *
  FROM standing s
  WHERE s.at >= $start AND s.at < $end AND until_at <= $now AND times > 0
    AND (stop_at IS NULL OR until_at <= stop_at)
    AND (deceased_at IS NULL OR until_at <= deceased_at)
), told AS (
  SELECT d.id, d.number, d.until_at, count(*) AS done
  FROM due d
  JOIN plan_progress p ON p.id = d.id AND p.activity = d.number
  WHERE p.done AND (d.from_at IS NULL OR p.at >= d.from_at) AND p.at < d.told_by_at
  GROUP BY d.id, d.number, d.until_at
), kept AS (
  SELECT d.*, CASE WHEN d.finished THEN d.times ELSE least(coalesce(t.done, 0), d.times) END AS done
  FROM due d
  LEFT JOIN told t ON t.id = d.id AND t.number = d.number AND t.until_at = d.until_at
)
SELECT
  'CarePlan/' || id AS resource,
  subject,
  k.at,
  department,
  CAST(NULL AS VARCHAR) AS practitioner,
  number AS activity,
  times,
  done,
  TRUE AS initial_population,
  TRUE AS denominator,
  done = times AS numerator,
  TRUE AS measure_population,
  CAST(done AS DOUBLE) / times AS value
FROM kept k
