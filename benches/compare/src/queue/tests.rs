//! Each peer does what it is measured at.

use std::time::Duration;

use super::peers::ALL_PEERS;
use super::store::Queue;

#[test]
fn every_peer_serves_what_was_pushed_once_and_in_order() {
    for peer in ALL_PEERS {
        let dir = tempfile::tempdir().unwrap();
        let queue = (peer.open)(dir.path()).unwrap();
        let messages: Vec<Vec<u8>> = (0..100_u8).map(|it| vec![it; 10]).collect();
        let (some, others) = messages.split_at(40);
        for message in some {
            queue.push(&[message]).unwrap();
        }
        let others: Vec<&[u8]> = others.iter().map(Vec::as_slice).collect();
        queue.push(&others).unwrap();
        let mut served = Vec::new();
        take(&*queue, 1, &mut served);
        take(&*queue, 29, &mut served);
        queue.close().unwrap();

        let queue = (peer.open)(dir.path()).unwrap();
        while served.len() < 100 {
            take(&*queue, 30, &mut served);
        }
        assert_eq!(served, messages, "{}", peer.name);
        let more = queue
            .serve(1, Duration::from_millis(1), &mut |_| ())
            .unwrap();
        assert_eq!(more, 0, "{} has more than was pushed", peer.name);
        queue.close().unwrap();

        let queue = (peer.open)(dir.path()).unwrap();
        let more = queue.serve(1, Duration::ZERO, &mut |_| ()).unwrap();
        assert_eq!(more, 0, "{} serves again what was acknowledged", peer.name);
        queue.push(&[b"last"]).unwrap();
        let mut last = Vec::new();
        take(&*queue, 5, &mut last);
        assert_eq!(last, [b"last"], "{}", peer.name);
        queue.close().unwrap();
    }
}

#[test]
fn threads_share_the_messages_of_every_peer() {
    for peer in ALL_PEERS {
        let dir = tempfile::tempdir().unwrap();
        let queue = (peer.open)(dir.path()).unwrap();
        let served = std::sync::Mutex::new(Vec::new());
        let queue = &*queue;
        std::thread::scope(|scope| {
            for producer in 0..4_u8 {
                scope.spawn(move || {
                    for number in 0..25_u8 {
                        queue.push(&[&[producer * 25 + number]]).unwrap();
                    }
                });
            }
            for _ in 0..4 {
                scope.spawn(|| {
                    while served.lock().unwrap().len() < 100 {
                        let mut mine = Vec::new();
                        let wait = Duration::from_millis(10);
                        queue.serve(3, wait, &mut |it| mine.push(it[0])).unwrap();
                        served.lock().unwrap().extend(mine);
                    }
                });
            }
        });
        let mut served = served.into_inner().unwrap();
        served.sort_unstable();
        assert_eq!(served, (0..100).collect::<Vec<u8>>(), "{}", peer.name);
    }
}

fn take(queue: &dyn Queue, most: usize, served: &mut Vec<Vec<u8>>) {
    let wait = Duration::from_mins(1);
    let some = queue
        .serve(most, wait, &mut |it| served.push(it.to_vec()))
        .unwrap();
    assert!((1..=most).contains(&some));
}
