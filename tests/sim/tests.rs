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

/// A simulation that cannot fail proves nothing: each fault is noticed.
#[test]
fn every_fault_is_noticed() {
    for fault in Fault::ALL {
        let (mut fired, mut noticed, mut first) = (0, 0, None);
        let seeds = if fault.is_always_noticed() { FAULT_SEEDS } else { FAULT_SEEDS_MAX };
        for seed in 0..seeds {
            let outcome = simulate(seed, Some(fault), false);
            fired += u64::from(outcome.fired > 0);
            noticed += u64::from(outcome.violation.is_some());
            first = first.or(outcome.violation);
            if noticed > 0 && !fault.is_always_noticed() {
                break;
            }
        }
        let first = first.unwrap_or_default();
        println!("{fault:?}: {fired} seeds had an occasion, {noticed} noticed it: {first}");
        assert!(noticed > 0, "{fault:?} happened in {fired} seeds, and none noticed");
        assert!(!fault.is_always_noticed() || noticed == fired, "{fault:?}: {noticed} of {fired}");
    }
}

const FAULT_SEEDS: u64 = 30;

/// Until a fault is noticed that has an effect in few seeds.
const FAULT_SEEDS_MAX: u64 = 500;
