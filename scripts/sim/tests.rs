use super::*;

#[test]
fn the_same_seed_gives_the_same_trace() {
    for seed in 0..20 {
        let (one, two) = (simulate(seed, None, false), simulate(seed, None, true));
        assert_eq!(one.violation, None, "seed {seed}");
        assert_eq!(one.hash, two.hash, "seed {seed}");
    }
    assert_ne!(simulate(1, None, false).hash, simulate(2, None, false).hash);
}

/// A simulation that cannot fail shows nothing: each wrong that is done on purpose is noticed.
#[test]
fn every_fault_is_noticed() {
    for fault in Fault::ALL {
        let outcomes = (0..FAULT_SEEDS).map(|seed| simulate(seed, Some(fault), false));
        let (mut fired, mut noticed) = (0, 0);
        for outcome in outcomes {
            fired += u64::from(outcome.fired > 0);
            noticed += u64::from(outcome.violation.is_some());
        }
        println!("{fault:?}: {fired} of {FAULT_SEEDS} seeds had an occasion, {noticed} noticed it");
        assert!(noticed > 0, "{fault:?} happened in {fired} seeds, and nobody noticed");
        assert!(!fault.is_always_noticed() || noticed == fired, "{fault:?}: {noticed} of {fired}");
    }
}

const FAULT_SEEDS: u64 = 30;
