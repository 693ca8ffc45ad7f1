//! Which segments to merge, and merging them.
//!
//! The policy is a pure function of sizes: a segment is merged once the smaller ones together are as large.
//! So sizes at least double from one segment to the next (few places to look), and a sample is rewritten
//! about as often as the index doubles (O'Neil and others: "The log-structured merge-tree", 1996).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::codec::Broken;
use super::folder::Folder;
use super::format::SegmentId;
use super::live::LiveSegment;
use super::names;
use super::segment::Lists;
use super::segment_writer::{DocumentsWriter, Plan};
use super::{DocumentNumber, Error};

/// Segments smaller than this count as if they had this size: merging them costs next to nothing.
const FLOOR: u64 = 1 << 16;

/// What the policy looks at: samples of live and of dead documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) live: u64,
    pub(super) dead: u64,
}

impl Size {
    pub(super) fn of(live: &LiveSegment) -> Result<Self, Broken> {
        let mut size = Self { live: 0, dead: 0 };
        for document in 0..live.segment.documents() {
            let prints = u64::from(live.segment.record(document)?.prints);
            if live.dead.contains(document) { size.dead += prints } else { size.live += prints }
        }
        Ok(size)
    }
}

/// Which segments to make one of, by index; none if the index is in good shape. One segment alone is rewritten
/// when more of it is dead than alive.
pub(super) fn plan(sizes: &[Size]) -> Option<Vec<usize>> {
    let weight = |index: usize| sizes[index].live.max(FLOOR);
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|&index| (weight(index), index));
    let mut smaller = 0u64;
    let mut upto = 0;
    for (rank, &index) in order.iter().enumerate() {
        if rank > 0 && weight(index) <= smaller {
            upto = rank + 1;
        }
        smaller = smaller.saturating_add(weight(index));
    }
    if upto > 0 {
        order.truncate(upto);
        order.sort_unstable();
        return Some(order);
    }
    sizes.iter().position(|size| size.dead > size.live).map(|index| vec![index])
}

/// Writes the live documents of some segments as one new segment; none if nothing is alive.
pub(super) fn merge(
    folder: &Folder,
    segments: &[&LiveSegment],
) -> Result<Option<SegmentId>, Error> {
    let mut numbers = Vec::with_capacity(segments.len());
    let mut alive = 0u32;
    for live in segments {
        numbers.push(number(live, &mut alive));
    }
    if alive == 0 {
        return Ok(None);
    }
    let values = segments.iter().map(|live| live.segment.values()).sum();
    let mut writer = DocumentsWriter::create(folder, Plan { documents: alive, values })?;
    for live in segments {
        copy_documents(folder, live, &mut writer)?;
    }
    let mut writer = writer.finish()?;
    let mut sources = Vec::with_capacity(segments.len());
    let mut heads = BinaryHeap::with_capacity(segments.len());
    for (at, live) in segments.iter().enumerate() {
        let undecodable = |Broken| live.undecodable(folder);
        let mut lists: Lists<'_> = live.segment.lists().map_err(undecodable)?;
        let head = lists.next().map_err(undecodable)?;
        heads.extend(head.as_ref().map(|(value, _)| Reverse((*value, at))));
        sources.push((lists, head));
    }
    while let Some(Reverse((value, at))) = heads.pop() {
        let undecodable = |Broken| segments[at].undecodable(folder);
        let (lists, head) = &mut sources[at];
        if let Some((_, mut list)) = head.take() {
            while let Some(mut posting) = list.next().map_err(undecodable)? {
                let number = numbers[at]
                    .get(posting.document.0 as usize)
                    .ok_or_else(|| undecodable(Broken))?;
                if let Some(number) = number {
                    posting.document = *number;
                    writer.push(value, posting)?;
                }
            }
        }
        *head = lists.next().map_err(undecodable)?;
        heads.extend(head.as_ref().map(|(value, _)| Reverse((*value, at))));
    }
    writer.finish().map(Some)
}

/// The new numbers of a segment's documents; the dead have none.
fn number(live: &LiveSegment, next: &mut u32) -> Vec<Option<DocumentNumber>> {
    let fresh = |document| {
        (!live.dead.contains(document)).then(|| {
            *next += 1;
            DocumentNumber(*next - 1)
        })
    };
    (0..live.segment.documents()).map(fresh).collect()
}

fn copy_documents(
    folder: &Folder,
    live: &LiveSegment,
    writer: &mut DocumentsWriter<'_>,
) -> Result<(), Error> {
    let undecodable = |Broken| live.undecodable(folder);
    let keys = live.segment.name_keys().map_err(undecodable)?;
    for block in 0..live.segment.documents().div_ceil(names::IN_BLOCK) {
        let names = live.segment.names(&folder.seal, block).map_err(undecodable)?;
        for (document, named) in (block * names::IN_BLOCK..).zip(names) {
            if !live.dead.contains(document) {
                let record = live.segment.record(document).map_err(undecodable)?;
                let key = keys.get(document as usize).ok_or_else(|| undecodable(Broken))?;
                writer.add(record, *key, named)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Adds segments one by one and merges as the policy says; the sizes left and the samples rewritten.
    fn grow(fresh: &[Size]) -> (Vec<Size>, u64) {
        let (mut sizes, mut rewritten) = (Vec::new(), 0);
        for &size in fresh {
            sizes.push(size);
            while let Some(chosen) = plan(&sizes) {
                assert!(chosen.is_sorted() && !chosen.is_empty());
                let live = chosen.iter().map(|&index| sizes[index].live).sum();
                let shrinks = chosen.iter().any(|&index| sizes[index].dead > 0);
                assert!(chosen.len() > 1 || shrinks, "a rewriting gains something");
                for &index in chosen.iter().rev() {
                    sizes.remove(index);
                }
                sizes.push(Size { live, dead: 0 });
                rewritten += live;
            }
        }
        (sizes, rewritten)
    }

    proptest! {
        #[test]
        fn few_segments_remain_and_each_outweighs_the_smaller_ones(
            fresh in proptest::collection::vec((0..1u64 << 50, 0..1u64 << 50), 0..200), shift in 0..50u32,
        ) {
            let size = |(live, dead)| Size { live: live >> shift, dead: dead >> shift };
            let fresh: Vec<Size> = fresh.into_iter().map(size).collect();
            let (sizes, _) = grow(&fresh);
            let mut weights: Vec<u64> = sizes.iter().map(|size| size.live.max(FLOOR)).collect();
            weights.sort_unstable();
            for at in 1..weights.len() {
                prop_assert!(weights[at] > weights[..at].iter().sum());
            }
            prop_assert!(sizes.iter().all(|size| size.dead <= size.live));
            prop_assert!(sizes.len() < super::super::live::MOST_SEGMENTS);
            let live = |sizes: &[Size]| sizes.iter().map(|size| size.live).sum::<u64>();
            prop_assert_eq!(live(&sizes), live(&fresh));
        }
    }

    #[test]
    fn a_sample_is_rewritten_about_as_often_as_the_index_doubles() {
        let flush = Size { live: 2_000_000, dead: 0 };
        let (sizes, rewritten) = grow(&vec![flush; 1000]);
        assert!(sizes.len() <= 10, "{sizes:?}");
        let times = rewritten / (1000 * flush.live);
        assert!(times <= 10, "every sample was rewritten {times} times");
    }

    #[test]
    fn a_segment_that_is_mostly_dead_is_rewritten() {
        let size = |live, dead| Size { live, dead };
        let cases = [
            (vec![], None),
            (vec![size(10, 10)], None),
            (vec![size(10, 11)], Some(vec![0])),
            (vec![size(1 << 20, 0), size(1 << 17, 1 << 18)], Some(vec![1])),
            (vec![size(1 << 20, 0), size(1, 0), size(1, 0)], Some(vec![1, 2])),
            (vec![size(1 << 20, 0), size(1 << 19, 0), size(1 << 19, 0)], Some(vec![0, 1, 2])),
        ];
        for (sizes, expected) in cases {
            assert_eq!(plan(&sizes), expected, "{sizes:?}");
        }
    }
}
