//! The known name that a misspelt one probably meant.

use gadgets::registry;

/// The known class that is spelt most like `class`, if one is close.
pub(crate) fn nearest(class: &str) -> Option<&'static str> {
    registry::entries()
        .map(|entry| {
            (
                edit_distance(&entry.class.to_lowercase(), &class.to_lowercase()),
                entry.class,
            )
        })
        .min()
        .filter(|(distance, _)| *distance <= class.len() / 3)
        .map(|(_, class)| class)
}

fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(128).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_changes() {
        assert_eq!(edit_distance("kitten", "sitting"), 3);
        assert_eq!(edit_distance("", "abc"), 3);
        assert_eq!(edit_distance("same", "same"), 0);
    }
}
