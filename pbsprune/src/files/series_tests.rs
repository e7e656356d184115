//! Tables of folders and what becomes of their files, for [`super::series`] to [`super::outcome`].
