# When which job runs, as a day of hours and as a table.

# A job's day as a task of an hour or more for each run of hours in which it is at work.
def hours: [.bar // "" | explode | to_entries[] | select(.value | IN(32, 45, 46, 95, 183) | not) | .key | select(. < 24)];
def stretches: reduce hours[] as $hour ([]; if . != [] and .[-1][1] == $hour then .[-1][1] = $hour + 1 else . + [[$hour, $hour + 1]] end);
def clock: if . < 10 then "0\(.)" else tostring end;
def most_jobs: 60;

def jobs: [$schedule[] | select(.job)] | sort_by([(.on // "" | plain), (.job | plain), .schedule]);
def gantt:
  jobs as $jobs
  | diagram(
      $jobs[:most_jobs] | map(select(stretches != [])) | select(. != []) | "gantt",
      "  dateFormat YYYY-MM-DD HH", "  axisFormat %H", "  tickInterval 2hour", "  todayMarker off",
      (to_entries | group_by(.value.on // "" | plain)[] | "  section \(.[0].value.on // "?" | plain | section_label)",
        (.[] | .key as $at | .value | .job as $job | stretches | to_entries[]
          | "  \($job | plain | task_label) :t\($at)s\(.key), 2000-01-01 \(.value[0] | clock), \(.value[1] - .value[0])h")));

def schedule_section:
  heading("Schedules"),
  (if $schedule == [] then "Not looked at." | paragraph else
    not_all("schedule-lint"; "schedule"),
    gantt,
    table(["Job", "On", "Schedule", "Zone", "Days without a run", "Findings"];
      jobs[]
      | [(.job | plain | data), (.on // "" | plain | data), (.schedule // "" | data), (.tz // "" | data), ([.runs_skipped[]? | plain | .[:10]] | unique | listed), (codes | listed)])
  end);
