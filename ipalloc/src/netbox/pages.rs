//! Lists that come in pages: the first says how many results there are, and the others are read
//! side by side. A list that has no end, or less than it says, is an error; one that others
//! change meanwhile is read again.

use std::{
    collections::{HashSet, VecDeque},
    panic::resume_unwind,
    sync::Mutex,
    thread,
};

use serde_json::Value;
use vmid::exit::Stop;

use super::api::{Api, PAGES_LIMIT, Page};

/// So many requests at once, at most, for one purpose.
const AT_ONCE: usize = 4;

/// How often a list is read, at most, that others change meanwhile. On a busy server a long one
/// may never hold still: what was read last then counts, as any answer may be old when it comes.
const READINGS: usize = 3;

/// What a result of a list must be; or what is wrong with it.
pub(super) type Check<'a> = &'a (dyn Fn(&Value) -> Result<(), String> + Sync);

/// Work that does not depend on other work.
pub(super) type Job<'a, T> = Box<dyn FnOnce() -> T + Send + 'a>;

/// The results of all of `jobs`, in order; a few run at the same time.
pub(super) fn side_by_side<T: Send>(jobs: Vec<Job<'_, T>>) -> Vec<T> {
    let count = jobs.len();
    let mut done: Vec<Option<T>> = Vec::new();
    done.resize_with(count, || None);
    let waiting: Mutex<VecDeque<_>> = Mutex::new(jobs.into_iter().enumerate().collect());
    let results = Mutex::new(&mut done);
    let next = || waiting.lock().ok()?.pop_front();
    let work = || {
        while let Some((at, job)) = next() {
            let result = job();
            if let Ok(mut results) = results.lock() {
                results[at] = Some(result);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..AT_ONCE.min(count) {
            scope.spawn(work);
        }
        work();
    });
    // cannot fail: a job that panics ends the scope
    done.into_iter().flatten().collect()
}

/// Three questions that do not depend on each other.
pub(super) fn at_once<A: Send, B: Send, C>(
    a: impl FnOnce() -> A + Send,
    b: impl FnOnce() -> B + Send,
    c: impl FnOnce() -> C,
) -> (A, B, C) {
    thread::scope(|scope| {
        let (a, b) = (scope.spawn(a), scope.spawn(b));
        let c = c();
        let a = a.join().unwrap_or_else(|panic| resume_unwind(panic));
        let b = b.join().unwrap_or_else(|panic| resume_unwind(panic));
        (a, b, c)
    })
}

impl Api {
    /// All results of a list; `path` has a query. Of `next` only the query is
    /// used: its host is whatever a proxy made of it.
    pub fn list(&self, path: &str) -> Result<Vec<Value>, Stop> {
        self.list_of(path, &|_| Ok(()))
    }

    /// As [`Self::list`], where each result is what was asked for: NetBox ignores a filter that it
    /// does not know, and answers with everything.
    pub fn list_of(&self, path: &str, check: Check<'_>) -> Result<Vec<Value>, Stop> {
        for _ in 1..READINGS {
            let (results, is_still) = self.reading(path, check)?;
            if is_still {
                return Ok(once(results));
            }
        }
        Ok(once(self.reading(path, check)?.0))
    }

    /// All results of a list, some perhaps twice; and whether nobody changed it meanwhile, which
    /// moves results from page to page.
    fn reading(&self, path: &str, check: Check<'_>) -> Result<(Vec<Value>, bool), Stop> {
        let endpoint = path.split('?').next().unwrap_or_default();
        let first = self.page_of(path, check)?;
        let mut results = first.results;
        let (mut next, mut is_still) = (first.next, true);
        if let (Some(query), Some(count)) = (&next, first.count)
            && let Some(rest) = others(query, results.len(), count)
            && !rest.is_empty()
        {
            if rest.len() >= PAGES_LIMIT {
                return Err(self.too_many(path));
            }
            let size = results.len() as u64;
            let jobs = rest.into_iter().map(|(offset, query)| {
                let path = format!("{endpoint}?{query}");
                let job = move || self.page_at(&path, offset, size, check);
                Box::new(job) as Job<'_, Result<Page, Stop>>
            });
            for page in side_by_side(jobs.collect()) {
                let page = page?;
                is_still &= page.count == Some(count);
                results.extend(page.results);
                next = page.next;
            }
            // What was added meanwhile.
            is_still &= next.is_none();
        }
        let is_complete = |results: &[Value], count: Option<u64>| {
            count.is_some_and(|n| results.len() as u64 >= n)
        };
        let mut asked = HashSet::from([path.to_owned()]);
        next = next.filter(|_| !is_still || !is_complete(&results, first.count));
        while let Some(query) = next {
            let path = format!("{endpoint}?{query}");
            if asked.contains(&path) {
                return Err(self.failed("the pages of a list lead in a circle", &path));
            }
            if asked.len() == PAGES_LIMIT {
                return Err(self.too_many(&path));
            }
            let page = self.page_of(&path, check)?;
            if page.results.is_empty() && !is_still {
                break;
            }
            if page.results.is_empty() {
                return Err(self.failed("a page of a list is empty", &path));
            }
            results.extend(page.results);
            asked.insert(path);
            is_still &= page.count == first.count;
            next = page.next.filter(|_| !is_complete(&results, page.count));
        }
        Ok((results, is_still))
    }

    /// One page, each result checked.
    pub fn page_of(&self, path: &str, check: Check<'_>) -> Result<Page, Stop> {
        let page = self.one_page(path)?;
        for value in &page.results {
            check(value).map_err(|what| self.failed(&what, path))?;
        }
        Ok(page)
    }

    /// The page that begins with the result of that number; all but the last have `size` results.
    fn page_at(&self, path: &str, offset: u64, size: u64, check: Check<'_>) -> Result<Page, Stop> {
        let page = self.page_of(path, check)?;
        // Others may have removed some since.
        let left = page.count.map_or(0, |count| count.saturating_sub(offset));
        if (page.results.len() as u64) < left.min(size) {
            return Err(self.failed("a page of a list is short", path));
        }
        Ok(page)
    }

    fn too_many(&self, path: &str) -> Stop {
        self.failed(&format!("a list of more than {PAGES_LIMIT} pages"), path)
    }
}

/// Each object once; what has no ID is kept.
fn once(mut values: Vec<Value>) -> Vec<Value> {
    let mut seen = HashSet::new();
    values.retain(|value| match value.get("id").and_then(Value::as_u64) {
        Some(id) => seen.insert(id),
        None => true,
    });
    values
}

/// The queries of all pages from the second on, each with the number of its first result; none if
/// `next` does not count results from where the first page ends.
fn others(next: &str, size: usize, count: u64) -> Option<Vec<(u64, String)>> {
    let offset = |part: &str| part.strip_prefix("offset=").map(str::to_owned);
    let size = u64::try_from(size).ok().filter(|&size| size > 0)?;
    let of_next = next.split('&').find_map(offset)?;
    if of_next != size.to_string() {
        return None;
    }
    let query = |at: u64| {
        let part = |part: &str| match offset(part) {
            Some(_) => format!("offset={at}"),
            None => part.to_owned(),
        };
        let parts: Vec<String> = next.split('&').map(part).collect();
        (at, parts.join("&"))
    };
    let step = usize::try_from(size).ok()?;
    Some((size..count).step_by(step).map(query).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_from_the_second_on() {
        #[rustfmt::skip]
        let cases: &[(&str, &str, usize, u64, Option<&[&str]>)] = &[
            ("as NetBox has it", "limit=2&offset=2&x=y", 2, 5, Some(&["limit=2&offset=2&x=y", "limit=2&offset=4&x=y"])),
            ("just one more",    "offset=2",             2, 3, Some(&["offset=2"])),
            ("a full last one",  "offset=2",             2, 4, Some(&["offset=2"])),
            ("from elsewhere",   "offset=0",             2, 5, None),
            ("by a cursor",      "cursor=abc",           2, 5, None),
            ("an empty first",   "offset=0",             0, 5, None),
        ];
        for (name, next, size, count, want) in cases {
            let got = others(next, *size, *count);
            let got: Option<Vec<String>> =
                got.map(|pages| pages.into_iter().map(|(_, query)| query).collect());
            let want = want.map(|want| want.iter().map(|&query| query.to_owned()).collect());
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn results_in_order() {
        let jobs = (0..20).map(|n: u32| Box::new(move || n * n) as Job<'_, u32>);
        let want: Vec<u32> = (0..20).map(|n| n * n).collect();
        assert_eq!(side_by_side(jobs.collect()), want);
        assert!(side_by_side(Vec::<Job<'_, u8>>::new()).is_empty());
    }
}
