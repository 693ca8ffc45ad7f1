# Sums up the miles of a logbook: date, from, to, miles.
BEGIN { FS = ";" }
/^#/ || NF < 4 { next }
{
    split($1, day, "-")
    miles[day[1]] += $4
    if ($4 > longest) { longest = $4; leg = $2 " to " $3 }
}
END {
    for (year in miles) printf "%s: %d miles\n", year, miles[year]
    if (leg) printf "longest leg: %s, %d miles\n", leg, longest
}
