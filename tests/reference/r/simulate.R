# Simulates the data sets of the reference models. Made-up patients; every number comes from the seeds below.
# Run from this folder: Rscript simulate.R

suppressWarnings(RNGkind("Mersenne-Twister", "Inversion", "Rejection"))

write_data <- function(frame, name) {
  write.csv(frame, file.path("data", paste0(name, ".csv")), row.names = FALSE, quote = FALSE)
}

normal_rows <- function(n, covariance) {
  matrix(rnorm(n * ncol(covariance)), n) %*% chol(covariance)
}

# A two-arm trial: four visits, missed visits inside and drop-out at the end, more spread under needling and at later
# visits, two therapists in each of four clinics, a precision weight per row.
simulate_trial <- function() {
  set.seed(1101)
  n <- 44
  weeks <- c(2, 4, 8, 12)
  visits <- sprintf("w%02d", weeks)
  arm <- rep(c("control", "needling"), length.out = n)
  clinic <- sample(rep(c("north", "south", "east", "west"), length.out = n))
  therapist <- paste0(clinic, "_", sample(1:2, n, replace = TRUE))
  baseline <- round(rnorm(n, 6, 1.3), 1)
  clinic_effect <- c(north = 1.4, south = -0.9, east = 0.5, west = -1.0)
  therapist_effect <- rnorm(8, 0, 0.7)
  names(therapist_effect) <- sort(unique(c(outer(names(clinic_effect), 1:2, paste, sep = "_"))))
  correlation <- 0.5^abs(outer(1:4, 1:4, "-")) * 0.6 + 0.4
  spread <- outer(c(1.1, 1.3, 1.5, 1.9), c(1.1, 1.3, 1.5, 1.9))
  errors <- normal_rows(n, correlation * spread) * ifelse(arm == "needling", 1.25, 0.9)
  drop_after <- sample(c(4, 4, 4, 4, 3, 2), n, replace = TRUE)
  rows <- do.call(rbind, lapply(seq_len(n), function(i) {
    pain <- 1 + 0.75 * baseline[i] - 0.05 * weeks - (arm[i] == "needling") * c(0.3, 0.8, 1.2, 1.1) +
      clinic_effect[clinic[i]] + therapist_effect[therapist[i]] + errors[i, ]
    frame <- data.frame(
      id = sprintf("p%02d", i), arm = arm[i], clinic = clinic[i], therapist = therapist[i], visit = visits,
      visit_number = 1:4, week = weeks, baseline = baseline[i], pain = round(pain, 2),
      weight = round(runif(4, 0.5, 2.5), 2)
    )
    kept <- seq_len(4) <= drop_after[i] & (runif(4) > 0.12)
    frame[if (any(kept)) kept else c(TRUE, FALSE, FALSE, FALSE), ]
  }))
  write_data(rows, "trial")
}

# A balanced trial without a missing value: closed forms exist.
simulate_complete <- function() {
  set.seed(1102)
  n <- 20
  visits <- c("w02", "w04", "w08", "w12")
  arm <- rep(c("control", "needling"), each = n / 2)
  covariance <- 1.5 + diag(4) + 0.9^abs(outer(1:4, 1:4, "-"))
  errors <- normal_rows(n, covariance)
  rows <- expand.grid(visit_number = 1:4, patient = seq_len(n))
  rows <- data.frame(
    id = sprintf("p%02d", rows$patient), arm = arm[rows$patient], visit = visits[rows$visit_number],
    visit_number = rows$visit_number,
    pain = round(6 - 0.4 * rows$visit_number - 0.5 * (arm[rows$patient] == "needling") * rows$visit_number +
      errors[cbind(rows$patient, rows$visit_number)], 2)
  )
  write_data(rows, "complete")
}

# A cohort followed over weeks: patients change therapist between visits, some are met in two clinics.
simulate_course <- function() {
  set.seed(1103)
  n <- 60
  weeks <- c(0, 1, 2, 4, 6)
  therapists <- sprintf("t%02d", 1:12)
  clinics <- sprintf("c%d", 1:6)
  clinic_of <- setNames(rep(clinics, each = 2), therapists)
  therapist_intercept <- setNames(rnorm(12, 0, 0.9), therapists)
  therapist_slope <- setNames(0.15 * therapist_intercept + rnorm(12, 0, 0.14), therapists)
  clinic_effect <- setNames(rnorm(6, 0, 1.8), clinics)
  arm <- rep(c("control", "needling"), length.out = n)
  random <- normal_rows(n, matrix(c(1.6, -0.10, -0.10, 0.09), 2))
  rows <- do.call(rbind, lapply(seq_len(n), function(i) {
    own <- sample(therapists, 1)
    met <- ifelse(runif(5) < 0.25, sample(therapists, 5, replace = TRUE), own)
    moved <- i %% 6 == 0
    clinic <- clinic_of[own]
    clinic <- if (moved) c(rep(clinic, 2), rep(sample(setdiff(clinics, clinic), 1), 3)) else rep(clinic, 5)
    pain <- 6.5 + random[i, 1] + therapist_intercept[met] + clinic_effect[clinic] +
      (-0.25 - 0.2 * (arm[i] == "needling") + random[i, 2] + therapist_slope[met]) * weeks + rnorm(5, 0, 0.8)
    data.frame(
      id = sprintf("p%02d", i), arm = arm[i], home_therapist = own, therapist = met, home_clinic = clinic_of[[own]],
      clinic = clinic, visit_number = 1:5, week = weeks, pain = round(pain, 2)
    )[runif(5) > 0.1 | c(TRUE, FALSE, FALSE, FALSE, FALSE), ]
  }))
  write_data(rows, "course")
}

# Diaries at irregular days, rows in no order: continuous-time correlation.
simulate_diary <- function() {
  set.seed(1104)
  n <- 30
  arm <- rep(c("control", "needling"), length.out = n)
  rows <- do.call(rbind, lapply(seq_len(n), function(i) {
    days <- sort(sample(0:60, sample(3:7, 1)))
    errors <- normal_rows(1, 1.7 * exp(-as.matrix(dist(days)) / 11) + diag(0.02, length(days)))
    pain <- 6 + rnorm(1, 0, 0.9) + (-0.02 - 0.02 * (arm[i] == "needling")) * days + errors[1, ]
    data.frame(id = sprintf("p%02d", i), arm = arm[i], day = days, pain = round(pain, 2))
  }))
  write_data(rows[sample(nrow(rows)), ], "diary")
}

# Nothing varies between patients or clinics: the variance components sit on their boundary.
simulate_calm <- function() {
  set.seed(1105)
  n <- 24
  errors <- normal_rows(n, diag(3) - 0.18 * (1 - diag(3)))
  rows <- expand.grid(week = c(1, 2, 3), patient = seq_len(n))
  rows <- data.frame(
    id = sprintf("p%02d", rows$patient), arm = c("control", "needling")[1 + rows$patient %% 2],
    clinic = c("north", "south", "east", "west")[1 + (rows$patient %/% 2) %% 4], week = rows$week,
    visit = sprintf("w%02d", rows$week),
    pain = round(5 - 0.3 * rows$week - 0.4 * (rows$patient %% 2) + errors[cbind(rows$patient, rows$week)], 2)
  )
  write_data(rows[-c(7, 20, 33, 51, 64), ], "calm")
}

# Slopes follow from intercepts and clinics do not differ: a correlation of -1 and a variance of zero.
simulate_fan <- function() {
  set.seed(1120)
  n <- 20
  intercept <- rnorm(n, 0, 1.2)
  rows <- expand.grid(week = c(0, 1, 2, 3, 4), patient = seq_len(n))
  rows <- data.frame(
    id = sprintf("p%02d", rows$patient), arm = c("control", "needling")[1 + rows$patient %% 2],
    clinic = c("north", "south", "east", "west", "central")[1 + rows$patient %% 5], week = rows$week,
    pain = round(6 + intercept[rows$patient] * (1 - 0.1 * rows$week) - 0.2 * rows$week -
      0.25 * (rows$patient %% 2) * rows$week + rnorm(nrow(rows), 0, 1.2), 2)
  )
  write_data(rows[-sort(sample(nrow(rows), 14)), ], "fan")
}

simulate_trial()
simulate_complete()
simulate_course()
simulate_diary()
simulate_calm()
simulate_fan()
