//! Which incident a finding belongs to.

use crate::model::finding::Passages;
use crate::model::ids::IncidentId;
use crate::model::incident::State;

/// An incident that the finding might belong to.
#[derive(Debug, Clone, Copy)]
pub struct Neighbour<'a> {
    /// The incident.
    pub id: IncidentId,
    /// Where it stands.
    pub state: State,
    /// Its leaked content.
    pub passages: &'a Passages,
}

/// Half of one in the other is the same leak in another cut.
const SAME_LEAK: f64 = 0.5;
/// A dismissal covers what was dismissed and nothing beside it.
const SAME_CONTENT: f64 = 0.9;

/// The incident that content belongs to, or none if it deserves one of its own.
///
/// Content that was dismissed stays quiet only if nearly all of it was in what was dismissed: a dismissed header
/// must not hide the file that is posted with it the next day. Content of a closed incident that turns up again
/// is news, and opens a new one.
pub fn home(passages: &Passages, neighbours: &[Neighbour<'_>]) -> Option<IncidentId> {
    let dismissed = neighbours.iter().find(|other| {
        other.state == State::Dismissed && passages.contained_in(other.passages) >= SAME_CONTENT
    });
    if let Some(other) = dismissed {
        return Some(other.id);
    }
    neighbours
        .iter()
        .filter(|other| other.state.is_open())
        .map(|other| (overlap(passages, other.passages), other.id))
        .filter(|(overlap, _)| *overlap >= SAME_LEAK)
        // The largest overlap; of equals, the oldest incident.
        .max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)))
        .map(|(_, id)| id)
}

fn overlap(a: &Passages, b: &Passages) -> f64 {
    a.contained_in(b).max(b.contained_in(a))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home_of(
        content: std::ops::Range<u64>,
        others: &[(u64, State, std::ops::Range<u64>)],
    ) -> Option<u64> {
        let kept: Vec<(u64, State, Passages)> = others
            .iter()
            .map(|(id, state, range)| (*id, *state, Passages::new(range.clone().collect())))
            .collect();
        let neighbours: Vec<Neighbour<'_>> = kept
            .iter()
            .map(|(id, state, passages)| Neighbour { id: IncidentId(*id), state: *state, passages })
            .collect();
        home(&Passages::new(content.collect()), &neighbours).map(|id| id.0)
    }

    #[test]
    fn the_same_leak_in_another_cut_joins() {
        assert_eq!(home_of(0..10, &[(1, State::New, 0..100)]), Some(1), "an excerpt of it");
        assert_eq!(home_of(0..100, &[(1, State::Confirmed, 0..10)]), Some(1), "more of it");
        assert_eq!(
            home_of(90..110, &[(1, State::New, 0..100), (2, State::New, 85..200)]),
            Some(2),
            "the larger overlap"
        );
        assert_eq!(
            home_of(0..10, &[(2, State::New, 0..100), (1, State::New, 0..100)]),
            Some(1),
            "of equals the oldest"
        );
        assert_eq!(
            home_of(95..195, &[(1, State::New, 0..100)]),
            None,
            "a few lines in common are not the same leak"
        );
    }

    #[test]
    fn a_dismissal_covers_what_was_dismissed_and_nothing_beside_it() {
        assert_eq!(home_of(0..10, &[(1, State::Dismissed, 0..10)]), Some(1));
        assert_eq!(home_of(0..10, &[(1, State::Dismissed, 0..100)]), Some(1), "a part of it");
        assert_eq!(
            home_of(0..20, &[(1, State::Dismissed, 0..10)]),
            None,
            "it comes with something new"
        );
        assert_eq!(
            home_of(0..20, &[(1, State::Dismissed, 0..10), (2, State::New, 0..20)]),
            Some(2)
        );
    }

    #[test]
    fn closed_content_that_turns_up_again_is_news() {
        assert_eq!(home_of(0..10, &[(1, State::Closed, 0..10)]), None);
    }
}
